/* Small scripts of the frame: keys, drawer, toasts, forms, limits, charts. Every page works without them. */
(function () {
  "use strict";
  const $ = (s, from) => (from || document).querySelector(s);
  const $$ = (s, from) => Array.from((from || document).querySelectorAll(s));
  const script = document.currentScript || $("script[data-echarts]");
  const words = () => $("#yg-words").dataset;
  const visible = (e) => e.getClientRects().length > 0;

  /* ---- what the user chose for this machine ---- */
  function toggle(name, apply) {
    document.addEventListener("click", (e) => {
      if (!e.target.closest(`[data-yg-${name}]`)) return;
      const on = localStorage.getItem(`yg-${name}`) !== "1";
      localStorage.setItem(`yg-${name}`, on ? "1" : "0");
      apply(on);
    });
  }
  toggle("large", (on) => document.documentElement.classList.toggle("yg-large", on));
  toggle("compact", (on) => document.documentElement.classList.toggle("yg-compact", on));
  toggle("dark", (on) => {
    if (on) document.documentElement.dataset.bsTheme = "dark"; else delete document.documentElement.dataset.bsTheme;
    mountCharts(true);
  });

  /* ---- rows: J K move, Enter opens, the preview follows ---- */
  const rows = () => $$("[data-yg-rows] [data-href]").filter(visible);
  function select(row, silent) {
    rows().forEach((r) => { r.setAttribute("aria-selected", r === row ? "true" : "false"); r.tabIndex = r === row ? 0 : -1; });
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    const preview = row.dataset.preview;
    if (preview && !silent && window.htmx && $("#preview")) window.htmx.ajax("GET", preview, { target: "#preview", swap: "innerHTML" });
  }
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((r) => r.getAttribute("aria-selected") === "true");
    select(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))]);
  }
  function open(row) { window.location.assign(row.dataset.href); }
  document.addEventListener("click", (e) => {
    const row = e.target.closest("[data-yg-rows] [data-href]");
    if (!row || e.target.closest("a,button,input,select,label,summary")) return;
    if (row.dataset.preview && row.getAttribute("aria-selected") !== "true") select(row); else open(row);
  });

  /* ---- keys: never in a field, never while an input method composes ---- */
  const typing = (e) => e.isComposing || e.keyCode === 229 || e.target.closest("input,textarea,select,[contenteditable=true]");
  function press(key) {
    const found = $$(`[data-key="${CSS.escape(key)}"]`).filter(visible).filter((b) => b.getAttribute("aria-disabled") !== "true")[0];
    if (found) found.click();
    return !!found;
  }
  let went = false;
  function escape() {
    const dialog = $("dialog[open]");
    if (dialog) return dialog.close();
    const menu = $$(".yg-menu[open]").pop();
    if (menu) { menu.open = false; return $("summary", menu).focus(); }
    const drawer = $(".yg-aside.open");
    if (drawer) closeDrawer(drawer);
  }
  document.addEventListener("keydown", (e) => {
    if (e.isComposing || e.keyCode === 229) return;
    if (e.key === "Escape") return escape();
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      const form = e.target.closest("form");
      if (form) { e.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (/^F\d+$/.test(e.key)) { if (press(e.key.toLowerCase())) e.preventDefault(); return; }
    if (typing(e)) return;
    const key = e.key.toLowerCase();
    if (went) { went = false; if (press(`g ${key}`)) e.preventDefault(); return; }
    if (key === "/") { const find = $("#yg-find"); if (find) { e.preventDefault(); find.closest("form").classList.add("open"); find.focus(); find.select(); } }
    else if (key === "?") { e.preventDefault(); help(); }
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "z") { const undo = $$("[data-yg-undo]").pop(); if (undo) undo.click(); }
    else if (key === "g") went = true;
    else if (e.key === "Enter") { if (e.target.matches("[data-yg-rows] [data-href]")) open(e.target); }
    else if (key === "arrowdown" && e.target.matches("[data-yg-rows] [data-href]")) { e.preventDefault(); move(1); }
    else if (key === "arrowup" && e.target.matches("[data-yg-rows] [data-href]")) { e.preventDefault(); move(-1); }
    else if ((key === "arrowleft" || key === "arrowright") && $("[data-yg-timeline]")) walk(key === "arrowright" ? 1 : -1);
    else if (key.length === 1 && /[a-z0-9]/.test(key) && press(key)) e.preventDefault();
  });
  function walk(step) {
    const all = $$("[data-yg-timeline] a");
    const at = all.indexOf(document.activeElement);
    if (all.length) all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))].focus();
  }
  function help() {
    const dialog = $("#yg-help"), list = $("[data-yg-keylist]", dialog);
    $$(".own", list).forEach((n) => n.remove());
    $$("[data-key]").filter(visible).forEach((b) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd");
      dt.className = dd.className = "own"; kbd.textContent = b.dataset.key.toUpperCase();
      dt.append(kbd); dd.textContent = b.textContent.replace(new RegExp(`\\s*${b.dataset.key}\\s*$`, "i"), "").trim();
      list.append(dt, dd);
    });
    dialog.showModal();
  }
  document.addEventListener("click", (e) => {
    if (e.target.closest("[data-yg-help]")) help();
    $$(".yg-menu[open]").forEach((m) => { if (!m.contains(e.target)) m.open = false; });
    const find = e.target.closest(".yg-find");
    $$(".yg-find").forEach((f) => f.classList.toggle("open", f === find));
    if (find) $("input", find).focus();
    const off = e.target.closest("[aria-disabled=true]");
    if (off) { e.preventDefault(); e.stopPropagation(); }
    const asked = e.target.closest("[data-yg-dialog]");
    if (asked) { const d = $(asked.dataset.ygDialog); if (d) d.showModal(); }
    const dismissed = e.target.closest("[data-yg-dismiss]");
    if (dismissed) dismissed.closest(".yg-toast").remove();
    const closing = e.target.closest("[data-yg-close]");
    if (closing) { const d = closing.closest("dialog"); if (d) d.close(); }
  }, true);

  /* ---- drawer: below 1280 the preview of a list slides in ---- */
  let before = null;
  function openDrawer(aside) {
    if (!$(".yg-drawer-close", aside)) {
      const close = document.createElement("button");
      close.type = "button"; close.className = "yg-btn s yg-drawer-close"; close.textContent = words().close;
      close.addEventListener("click", () => closeDrawer(aside));
      aside.prepend(close);
    }
    if (!aside.classList.contains("open")) before = document.activeElement;
    aside.classList.add("open");
  }
  function closeDrawer(aside) { aside.classList.remove("open"); if (before) before.focus(); }
  document.addEventListener("click", (e) => {
    const opener = e.target.closest("[data-yg-drawer]");
    if (opener) { const aside = $(opener.dataset.ygDrawer || ".yg-aside"); if (aside) { e.preventDefault(); openDrawer(aside); } }
  });

  /* ---- toasts with undo ---- */
  const SECONDS = 10;
  function run(toast) {
    if (toast.dataset.running) return;
    toast.dataset.running = "1";
    const undo = $("[data-yg-undo]", toast), count = $("[data-yg-count]", toast);
    if (toast.classList.contains("bad") || toast.classList.contains("error")) return;
    let rest = SECONDS;
    const tick = () => {
      if (count) count.textContent = `（${rest} ${words().seconds}）`;
      if (rest-- <= 0) toast.remove(); else if (toast.isConnected) setTimeout(tick, 1000);
    };
    if (undo) tick(); else setTimeout(() => toast.remove(), 6000);
  }
  function say(text, tone, undo) {
    const toast = document.createElement("div");
    toast.className = `yg-toast ${tone || ""}`;
    const span = document.createElement("span");
    span.textContent = text;
    toast.append(span);
    if (undo) {
      const form = document.createElement("form"), button = document.createElement("button"), token = document.createElement("input");
      form.method = "post"; form.action = undo; form.className = "undo";
      token.type = "hidden"; token.name = "csrfmiddlewaretoken"; token.value = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
      button.dataset.ygUndo = ""; button.textContent = words().undo;
      const count = document.createElement("span"); count.dataset.ygCount = ""; button.append(count);
      form.append(token, button); toast.append(form);
    }
    if (tone === "bad") {
      const close = document.createElement("button"); close.type = "button"; close.className = "undo"; close.dataset.ygDismiss = "";
      close.textContent = words().close; toast.append(close);
    }
    $("#toasts").append(toast);
    run(toast);
  }
  document.addEventListener("yg-toast", (e) => say(e.detail.text, e.detail.tone, e.detail.undo));

  /* ---- forms: one submit is one act; unsaved changes are named ---- */
  const keyOf = (form) => (form.dataset.ygKey = form.dataset.ygKey || crypto.randomUUID());
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if ((form.method || "").toLowerCase() !== "post") return;
    if (!form.elements.idempotency_key) {
      const hidden = document.createElement("input");
      hidden.type = "hidden"; hidden.name = "idempotency_key"; hidden.value = keyOf(form); form.append(hidden);
    }
    if (form.dataset.sent && !form.hasAttribute("hx-post")) e.preventDefault();
    form.dataset.sent = "1"; form.dataset.clean = "1";
  });
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((f) => { delete f.dataset.sent; }));
  document.addEventListener("htmx:configRequest", (e) => {
    if (e.detail.verb === "get") return;
    const holder = e.detail.elt.closest("form") || e.detail.elt;
    e.detail.headers["Idempotency-Key"] = holder.elements && holder.elements.idempotency_key ? holder.elements.idempotency_key.value : keyOf(holder);
  });
  document.addEventListener("htmx:afterRequest", (e) => {
    const holder = e.detail.elt.closest("form") || e.detail.elt;
    if (e.detail.successful && holder.dataset) { delete holder.dataset.ygKey; delete holder.dataset.sent; }
  });
  const dirty = new Map();
  const nameOf = (field) => { const l = field.labels && field.labels[0]; return l ? l.firstChild.textContent.trim() : field.name; };
  document.addEventListener("input", (e) => {
    const form = e.target.closest("form[data-yg-guard]");
    if (!form || !e.target.name) return;
    delete form.dataset.clean;
    if (!dirty.has(form)) dirty.set(form, new Set());
    dirty.get(form).add(nameOf(e.target));
    const bar = $("[data-yg-changed]", form);
    if (bar) { bar.hidden = false; bar.textContent = `${words().changed}：${Array.from(dirty.get(form)).join("、")}`; }
  });
  window.addEventListener("beforeunload", (e) => {
    for (const [form] of dirty) if (form.isConnected && !form.dataset.clean) { e.preventDefault(); e.returnValue = words().dirty; return; }
  });

  /* ---- limits count on, and are said at 15, 5 and 1 minutes ---- */
  const fill = (text, facts) => text.replace(/%\((\w+)\)(?:s|02d)/g, (all, name) => (all.endsWith("02d") ? String(facts[name]).padStart(2, "0") : facts[name]));
  function spanOf(ms) {
    const n = Math.floor(Math.abs(ms) / 60000), d = Math.floor(n / 1440), h = Math.floor((n % 1440) / 60), w = words();
    return fill(d ? (h ? w.dh : w.d) : h ? w.hm : w.m, { d, h, m: d ? 0 : n % 60 });
  }
  function tickLimits() {
    $$("[data-yg-due]").forEach((e) => {
      const rest = Date.parse(e.dataset.ygDue) - Date.now();
      const since = e.dataset.ygSince ? Date.parse(e.dataset.ygSince) : null;
      const whole = since ? Date.parse(e.dataset.ygDue) - since : null;
      const tone = rest < 0 ? "bad" : rest <= 3600000 || (whole && rest <= whole / 4) ? "warn" : "idle";
      $("[data-yg-left]", e).textContent = fill(rest < 0 ? words().over : words().left, { span: spanOf(rest) });
      const icon = $(".w .ti", e), bar = $(".yg-bar", e);
      e.className = `yg-limit ${tone} yg-t-${tone}`;
      if (icon) icon.className = `ti ti-${{ bad: "alert-octagon", warn: "alert-triangle", idle: "clock" }[tone]}`;
      if (bar) {
        bar.setAttribute("class", `yg-bar ${tone}`);
        $("rect", bar).setAttribute("width", String(Math.min(100, Math.max(0, 100 - (100 * rest) / (whole || 1)))));
      }
      e.toggleAttribute("aria-live", [15, 5, 1].includes(Math.ceil(rest / 60000)));
    });
  }
  setInterval(tickLimits, 20000);

  /* ---- charts: the library is fetched only where one stands ---- */
  function load(url) { return new Promise((done, failed) => { const s = document.createElement("script"); s.src = url; s.onload = done; s.onerror = failed; document.head.append(s); }); }
  let library = null;
  function mountCharts(again) {
    if (!$$("[data-yg-chart]").length) return;
    library = library || load(script.dataset.echarts).then(() => load(script.dataset.chartCode));
    library.then(() => $$("[data-yg-chart]").forEach((box) => window.ygChart(box, again)));
  }

  /* ---- polling only while the tab is seen; news is announced, never pushed under the pointer ---- */
  document.addEventListener("htmx:beforeRequest", (e) => {
    const elt = e.detail.elt;
    if (elt.matches && elt.matches("[data-yg-poll]") && (document.hidden || elt.contains(document.activeElement))) e.preventDefault();
  });
  document.addEventListener("htmx:oobBeforeSwap", (e) => {
    const part = e.detail.target;
    if (part.matches(":hover") || part.contains(document.activeElement)) e.detail.shouldSwap = false;
  });

  /* ---- htmx: keep the place, say what went wrong ---- */
  let place = "";
  document.addEventListener("htmx:beforeSwap", (e) => {
    const row = document.activeElement && document.activeElement.closest && document.activeElement.closest("[data-href]");
    place = row && e.detail.target.contains(row) ? row.dataset.href : "";
  });
  document.addEventListener("htmx:afterSwap", (e) => {
    const row = place && rows().find((r) => r.dataset.href === place);
    if (row) select(row, true);
    if (e.detail.target.id === "preview") { const aside = e.detail.target.closest(".yg-aside"); if (aside && aside.classList.contains("drawer") && innerWidth < 1280) openDrawer(aside); }
    mount();
  });
  document.addEventListener("htmx:sendError", () => say(words().failed, "bad"));
  document.addEventListener("htmx:responseError", (e) => { if (e.detail.xhr.status >= 500) say(words().busy + " " + (e.detail.xhr.getResponseHeader("X-Request-Id") || ""), "bad"); });

  function mount() {
    $$("[data-yg-toast]").forEach(run);
    const first = rows();
    if (first.length && !first.some((r) => r.tabIndex === 0)) first[0].tabIndex = 0;
    $$(".yg-tabs > .on").forEach(showTab);
    tickLimits();
    mountCharts(false);
  }
  // on a narrow screen the tab that is open may lie beyond the edge
  function showTab(tab) {
    const bar = tab.parentElement, at = tab.getBoundingClientRect(), room = bar.getBoundingClientRect();
    if (at.left < room.left || at.right > room.right) bar.scrollLeft += at.left - room.left - (room.width - at.width) / 2;
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount); else mount();
})();
