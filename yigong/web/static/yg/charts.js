/* Draws a chart from its declared option: colors from the tokens, SVG, no animation, shape and line differ as well as color. */
(function () {
  "use strict";
  const SYMBOLS = ["circle", "rect", "diamond", "triangle", "pin", "arrow"];
  const LINES = ["solid", "dashed", "dotted", [8, 3, 2, 3], [2, 6], [12, 4]];
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const font = () => ({ fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12, color: token("--yg-ink2") });
  const axis = () => ({ axisLine: { lineStyle: { color: token("--yg-line2") } }, axisTick: { show: false }, axisLabel: font(), nameTextStyle: font(), splitLine: { lineStyle: { color: token("--yg-line") } } });
  const minus = (v) => String(v).replace(/^-/, "−");
  function colors(value) {
    if (typeof value === "string") return value.startsWith("--yg-") ? token(value) : value;
    if (Array.isArray(value)) return value.map(colors);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, colors(v)]));
    return value;
  }
  function merge(under, over) {
    const out = Object.assign({}, under);
    for (const [k, v] of Object.entries(over || {})) out[k] = v && typeof v === "object" && !Array.isArray(v) && out[k] ? merge(out[k], v) : v;
    return out;
  }
  const each = (given, base) => (given === undefined ? undefined : (Array.isArray(given) ? given : [given]).map((one) => {
    const made = merge(base(), one);
    if (one.type === "value" && !(one.axisLabel && one.axisLabel.formatter)) made.axisLabel.formatter = (v) => minus(v.toLocaleString());
    return made;
  }));
  function series(given) {
    let n = -1;
    return (given || []).map((one) => {
      n += 1;
      const tint = token(`--yg-c${(n % 6) + 1}`);
      if (one.type === "line") return merge({ symbol: SYMBOLS[n % 6], symbolSize: 7, itemStyle: { color: tint }, lineStyle: { color: tint, type: LINES[n % 6], width: 2 } }, one);
      if (one.type === "bar" && n > 0 && !(one.itemStyle && one.itemStyle.decal)) return merge({ itemStyle: { color: tint, decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: -0.78 + n * 0.5, color: "rgba(255,255,255,.35)" } } }, one);
      return merge({ itemStyle: { color: tint } }, one);
    });
  }
  const watch = new ResizeObserver((all) => all.forEach((e) => { const c = window.echarts.getInstanceByDom(e.target); if (c) c.resize(); }));
  window.ygChart = function (box, again) {
    const there = window.echarts.getInstanceByDom(box);
    if (there && !again) return;
    if (there) there.dispose();
    const given = colors(JSON.parse(document.getElementById(box.dataset.ygChart).textContent));
    const base = {
      animation: false, textStyle: font(), aria: { enabled: true }, grid: { left: 12, right: 16, top: given.legend ? 32 : 12, bottom: 8, containLabel: true },
      tooltip: { trigger: "axis", confine: true, textStyle: { fontFamily: font().fontFamily, fontSize: 13 } },
    };
    const option = Object.assign({}, base, given, { grid: Object.assign({}, base.grid, given.grid) });
    if (given.legend) option.legend = merge({ top: 2, right: 10, itemWidth: 16, itemHeight: 9, textStyle: font() }, given.legend === true ? {} : given.legend);
    option.xAxis = each(given.xAxis, axis); option.yAxis = each(given.yAxis, axis); option.series = series(given.series);
    const chart = window.echarts.init(box, null, { renderer: "svg" });
    chart.setOption(option);
    watch.observe(box);
    if (box.dataset.ygLink) chart.on("click", (p) => { if (p.data && p.data.url) window.location.assign(p.data.url); });
  };
})();
