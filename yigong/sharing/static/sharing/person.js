// Keys and small comforts of the pages of persons; everything works without them.
(() => {
  "use strict";
  const $ = (query, root = document) => root.querySelector(query);
  const typing = (target) => target.closest("input:not([type=checkbox]),textarea,select,[contenteditable=true]");

  function mark(id) {
    document.querySelectorAll(".ps-m.on").forEach((m) => m.classList.remove("on"));
    const now = id && $(`.ps-m[data-event="${id}"]`);
    if (now) now.classList.add("on");
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form && !event.target.hasAttribute("hx-get")) form.requestSubmit();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  const zoom = ["3m", "12m", "3y", "all"];
  function zoomBy(step) {
    const select = $("#timeline select[name=span]");
    if (!select) return;
    const next = zoom[zoom.indexOf(select.value) + step];
    if (next) { select.value = next; select.form.requestSubmit(); }
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = [...document.querySelectorAll(".ps-hit")];
    if (list.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const at = list.indexOf(document.activeElement);
      const next = list[at + (event.key === "ArrowDown" ? 1 : -1)] || (event.key === "ArrowUp" ? $("#ps-q") : list[0]);
      next.focus(); event.preventDefault(); return;
    }
    if (typing(event.target)) return;
    if (event.key === "/" && $("#ps-q")) { $("#ps-q").focus(); $("#ps-q").select(); event.preventDefault(); }
    const dock = $("#dock");
    if (!dock) return;
    if (event.key === "ArrowLeft") { const a = $('[data-walk="older"]', dock); if (a) { a.click(); event.preventDefault(); } }
    if (event.key === "ArrowRight") { const a = $('[data-walk="newer"]', dock); if (a) { a.click(); event.preventDefault(); } }
    if (event.key === "[") zoomBy(1);
    if (event.key === "]") zoomBy(-1);
    if (event.key === "Enter" && !event.target.closest("a,button,summary")) { const a = $("[data-open]", dock); if (a) a.click(); }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "dock") return;
    const head = $(".ps-dock-hd", event.target);
    if (!head) return;
    mark(head.dataset.current);
    const url = new URL(location.href);
    url.searchParams.set("event", head.dataset.current);
    history.replaceState(history.state, "", url);
  });
})();
