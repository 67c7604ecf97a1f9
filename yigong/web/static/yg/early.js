/* Runs before the first paint: what the user chose for this machine. */
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("yg-js");
  try {
    if (localStorage.getItem("yg-dark") === "1" && !root.dataset.bsTheme) root.dataset.bsTheme = "dark";
    if (localStorage.getItem("yg-large") === "1") root.classList.add("yg-large");
    if (localStorage.getItem("yg-compact") === "1") root.classList.add("yg-compact");
  } catch (e) { /* a machine that keeps nothing */ }
})();
