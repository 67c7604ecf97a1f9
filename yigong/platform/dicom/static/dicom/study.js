// Turns the images of a series (wheel, keys, slider, strip, swipe), sets the window by dragging, and fetches ahead where one is going.
(() => {
  const root = document.querySelector("[data-dm]");
  if (!root) return;
  const AHEAD = 6;
  const stops = [...root.querySelectorAll("[data-dm-images] button")];
  const places = stops.map((b) => b.dataset.src);
  const stage = root.querySelector(".dm-stage");
  const image = root.querySelector("#dm-image");
  const busy = root.querySelector(".dm-busy");
  const failed = root.querySelector(".dm-failed");
  const why = root.querySelector("[data-dm-why]");
  const range = root.querySelector("[data-dm-range]");
  const word = root.querySelector("[data-dm-place]");
  const said = root.querySelector("[data-dm-said]");
  const preset = document.querySelector("[data-dm-preset]");
  const reset = document.querySelector("[data-dm-reset]");
  const own = root.dataset.dmWidth ? [Number(root.dataset.dmCenter), Number(root.dataset.dmWidth)] : null;
  const fetched = new Map();
  let at = 0;
  let way = 1;
  let chosen = ""; // "centre,width,linear"; empty: as the image says
  let slow = 0;

  const address = (n) => places[n] + (chosen ? "?window=" + encodeURIComponent(chosen) : "");
  const prefetch = () => {
    for (let step = 1; step <= AHEAD; step += 1) {
      const n = at + step * way;
      if (n < 0 || n >= places.length || fetched.has(address(n))) continue;
      const ahead = new Image();
      ahead.src = address(n);
      fetched.set(address(n), ahead);
      if (fetched.size > 200) fetched.delete(fetched.keys().next().value);
    }
  };
  const show = (n) => {
    const next = Math.min(Math.max(n, 0), places.length - 1);
    if (next !== at) way = next > at ? 1 : -1;
    if (stops[at]) stops[at].classList.remove("on");
    at = next;
    stops[at].classList.add("on");
    if (!stops[at].closest("[hidden]")) stops[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    failed.hidden = true;
    clearTimeout(slow);
    slow = setTimeout(() => { busy.hidden = false; }, 300);
    if (image.getAttribute("src") !== address(at)) image.src = address(at);
    else if (image.complete) arrived();
    word.textContent = at + 1;
    if (range) range.value = at + 1;
  };
  const arrived = () => {
    clearTimeout(slow);
    busy.hidden = true;
    image.style.visibility = "";
    prefetch();
  };
  image.addEventListener("load", arrived);
  image.addEventListener("error", async () => {
    clearTimeout(slow);
    busy.hidden = true;
    image.style.visibility = "hidden"; // the panel says why; a broken picture says nothing
    failed.hidden = false;
    why.textContent = "";
    const asked = at;
    try {
      const answer = await fetch(address(at));
      const text = answer.headers.get("Content-Type")?.startsWith("text/plain") ? await answer.text() : "";
      if (asked === at) why.textContent = text;
    } catch { /* the house itself is away: the head of the panel says enough */ }
  });
  root.querySelector("[data-dm-again]").addEventListener("click", () => { image.removeAttribute("src"); show(at); });
  stops.forEach((b, n) => b.addEventListener("click", () => show(n)));

  // thumbnails are fetched when they come into view
  const seen = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting) { e.target.src = e.target.dataset.lazy; seen.unobserve(e.target); }
  }, { root: root.querySelector(".dm-strip"), rootMargin: "200px" });
  root.querySelectorAll("[data-lazy]").forEach((i) => seen.observe(i));

  let turned = 0;
  stage.addEventListener("wheel", (e) => {
    e.preventDefault();
    turned += e.deltaY;
    const steps = Math.trunc(turned / 40) || (Math.abs(e.deltaY) >= 1 && e.deltaMode === 1 ? Math.sign(e.deltaY) : 0);
    if (steps) { turned = 0; show(at + Math.sign(steps)); }
  }, { passive: false });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input:not([type=range]), textarea, select")) return;
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: places.length - 1 }[e.key];
    if (to !== undefined) { e.preventDefault(); show(to); return; }
    if (e.key !== "[" && e.key !== "]") return;
    const series = [...root.querySelectorAll(".dm-series a")];
    const other = series[series.findIndex((a) => a.classList.contains("on")) + (e.key === "]" ? 1 : -1)];
    if (other) other.click();
  });
  if (range) range.addEventListener("input", () => show(range.value - 1));

  const tell = (window_) => {
    chosen = window_ ? `${window_[0]},${window_[1]},linear` : "";
    const now = window_ || own;
    if (said && now) said.textContent = `WL ${now[0]} · WW ${now[1]}`;
    if (reset) reset.hidden = !window_;
    show(at);
  };
  if (preset) preset.addEventListener("change", () => { if (preset.value !== "own") tell(preset.value ? preset.value.split(",").slice(0, 2).map(Number) : null); });
  if (reset) reset.addEventListener("click", () => { if (preset) preset.value = ""; tell(null); });

  // one pointer: a mouse sets the window, a finger turns the images
  let held = null;
  stage.addEventListener("pointerdown", (e) => {
    if (e.button || e.target.closest("button")) return;
    const [center, width] = (chosen ? chosen.split(",").slice(0, 2).map(Number) : own) || [];
    held = { x: e.clientX, y: e.clientY, at, center, width, due: 0 };
    stage.setPointerCapture(e.pointerId);
  });
  stage.addEventListener("pointermove", (e) => {
    if (!held) return;
    const [dx, dy] = [e.clientX - held.x, e.clientY - held.y];
    if (e.pointerType === "touch") { show(held.at + Math.round(dy / 14)); return; }
    if (held.width === undefined || Math.abs(dx) + Math.abs(dy) < 4) return;
    const step = Math.max(own[1] / 400, 0.5);
    const window_ = [Math.round(held.center + dy * step), Math.max(1, Math.round(held.width + dx * step))];
    said.textContent = `WL ${window_[0]} · WW ${window_[1]}`;
    clearTimeout(held.due);
    held.due = setTimeout(() => { if (preset) preset.value = "own"; tell(window_); }, 60);
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { held = null; });
  if (image.complete && image.naturalWidth) arrived();
})();
