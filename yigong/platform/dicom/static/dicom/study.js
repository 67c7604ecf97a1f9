// Turns the images of a series: wheel, arrows, slider; the next two are fetched ahead.
(() => {
  const root = document.querySelector("[data-dm]");
  if (!root) return;
  const places = [...root.querySelectorAll("[data-dm-images] li")].map((li) => li.dataset.src);
  const image = root.querySelector("#dm-image");
  const failed = root.querySelector(".dm-failed");
  const range = root.querySelector("[data-dm-range]");
  const word = root.querySelector("[data-dm-place]");
  const window_ = document.querySelector("[data-dm-window]");
  let at = 0;

  const address = (n) => places[n] + (window_ && window_.value ? "?window=" + encodeURIComponent(window_.value) : "");
  const show = (n) => {
    at = Math.min(Math.max(n, 0), places.length - 1);
    failed.hidden = true;
    image.src = address(at);
    word.textContent = at + 1;
    if (range) range.value = at + 1;
    for (const ahead of [at + 1, at + 2]) if (ahead < places.length) new Image().src = address(ahead);
  };
  image.addEventListener("error", () => { failed.hidden = false; });
  root.querySelector(".dm-stage").addEventListener("wheel", (e) => { e.preventDefault(); show(at + Math.sign(e.deltaY)); }, { passive: false });
  document.addEventListener("keydown", (e) => {
    if (e.target.matches("input[type=search], textarea, select")) return;
    if (e.key === "ArrowDown" || e.key === "ArrowRight") { e.preventDefault(); show(at + 1); }
    if (e.key === "ArrowUp" || e.key === "ArrowLeft") { e.preventDefault(); show(at - 1); }
  });
  if (range) range.addEventListener("input", () => show(range.value - 1));
  if (window_) window_.addEventListener("change", () => show(at));
})();
