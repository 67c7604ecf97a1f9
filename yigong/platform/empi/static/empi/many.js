// All pairs of a page at once, and how many are chosen.
(() => {
  const alls = [...document.querySelectorAll("[data-empi-all]")];
  const boxes = [...document.querySelectorAll("input[name=pair]")];
  const count = document.querySelector("[data-empi-count]");
  function tell() {
    const chosen = boxes.filter((box) => box.checked).length;
    for (const all of alls) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    if (count) count.textContent = chosen ? `${chosen} / ${boxes.length}` : "";
  }
  for (const all of alls) {
    all.hidden = false;
    all.closest("label")?.removeAttribute("hidden");
    all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; tell(); });
  }
  for (const box of boxes) box.addEventListener("change", tell);
  tell();
})();
