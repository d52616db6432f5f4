// A chart: its size follows its place; the nearest point tells its numbers to pointer, finger and arrow keys.

const MARGIN = { left: 62, right: 14, top: 12, bottom: 42 };

// scales: from a figure to a share of the axis, with ticks that have a text
function linear(low, high, text) {
  const span = high - low || 1, size = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((one) => one * size).find((one) => span / one <= 6);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) ticks.push([at, text(+at.toPrecision(12))]);
  return { share: (value) => (value - low) / span, ticks };
}
function logarithmic(low, high, text) {
  const [first, last] = [Math.log10(low), Math.log10(high)], span = last - first || 1, ticks = [];
  for (let power = Math.floor(first); power <= last; power++)
    for (const times of span < 0.7 ? [1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : span < 2.5 ? [1, 2, 5] : [1]) {
      const value = times * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push([value, text(value)]);
    }
  return { share: (value) => (Math.log10(value) - first) / span, ticks };
}
// room on both sides of what is drawn
const apart = (values, by = 1.25) => [Math.min(...values) / by, Math.max(...values) * by];

// the width of a text in a chart, and the text cut to a width
const pen = el("canvas").getContext("2d");
function widthOf(text) {
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}
function cut(text, width) {
  let found = text;
  while (found && widthOf(found === text ? text : `${found}…`) > width) found = found.slice(0, -1);
  return found === text ? text : `${found}…`;
}

/* draw(one) adds to one.body and returns the points as { x, y, describe }, of which describe gives the tip's parts;
   height is a number, or is told by the width. */
function chart(name, height, draw) {
  const drawing = svg("svg", { tabindex: 0, role: "img", "aria-label": name });
  const figure = el("figure", {}, drawing), one = { drawing, points: [] };
  let current = -1, width = 0;
  function show(place) {
    current = place;
    one.mark.replaceChildren();
    if (place < 0) { hideTip(); return; }
    const { x, y, describe } = one.points[place], box = drawing.getBoundingClientRect();
    one.mark.append(svg("circle", { cx: x, cy: y, r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 2 }));
    showTip(describe(), box.left + x, box.top + y);
  }
  function nearest(event) {
    const box = drawing.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const away = (point) => Math.hypot((point.x - x) * (one.flat ? 0.02 : 1), point.y - y);
    return one.points.reduce((best, point, place) => best < 0 || away(point) < away(one.points[best]) ? place : best, -1);
  }
  for (const kind of ["pointermove", "pointerdown"]) drawing.addEventListener(kind, (event) => {
    const place = nearest(event);
    if (place !== current) show(place);
  });
  drawing.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(-1); });
  drawing.addEventListener("blur", () => show(-1));
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape") show(-1);
    if (!step || !one.points.length) return;
    event.preventDefault();
    show(current < 0 ? 0 : Math.max(0, Math.min(one.points.length - 1, current + step)));
  });
  one.redraw = () => {
    one.width = width = Math.max(240, figure.clientWidth);
    one.margin = { ...MARGIN };
    one.height = typeof height === "number" ? height : height(width);
    drawing.setAttribute("viewBox", `0 0 ${one.width} ${one.height}`);
    one.body = svg("g");
    one.mark = svg("g", { "pointer-events": "none" });
    drawing.replaceChildren(one.body, one.mark);
    current = -1;
    one.points = draw(one) || [];
  };
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (figure.clientWidth && Math.max(240, figure.clientWidth) !== width) one.redraw();
  })).observe(figure);
  one.root = el("div", { class: "charts" }, figure);
  return one;
}

// the frame with both axes; gives the places of figures
function axes(one, x, y) {
  const { margin } = one, right = one.width - margin.right, bottom = one.height - margin.bottom;
  const place = {
    x: (value) => margin.left + x.scale.share(value) * (right - margin.left),
    y: (value) => bottom - y.scale.share(value) * (bottom - margin.top),
  };
  let last = -Infinity;
  for (const [value, text] of x.scale.ticks) {
    const at = place.x(value);
    const half = widthOf(text) / 2, middle = Math.max(half, Math.min(one.width - half, at));
    if (middle - half < last + 8) continue;
    last = middle + half;
    one.body.append(svg("path", { d: `M${at} ${margin.top}V${bottom}`, stroke: "var(--rule)" }),
      svg("text", { x: middle, y: bottom + 15, "text-anchor": "middle" }, text));
  }
  last = Infinity;
  for (const [value, text] of y ? y.scale.ticks : []) {
    const at = place.y(value);
    one.body.append(svg("path", { d: `M${margin.left} ${at}H${right}`, stroke: "var(--rule)" }));
    if (last - at < 13) continue;
    last = at;
    one.body.append(svg("text", { x: margin.left - 6, y: at + 4, "text-anchor": "end" }, text));
  }
  one.body.append(svg("rect", { x: margin.left, y: margin.top, width: right - margin.left, height: bottom - margin.top, fill: "none", stroke: "var(--rule)" }),
    svg("text", { x: (margin.left + right) / 2, y: one.height - 6, "text-anchor": "middle" }, x.title));
  if (y) one.body.append(svg("text", { transform: `translate(13 ${(margin.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, y.title));
  return place;
}

// what a tip shows of a thing: a name and pairs of words
function card(name, pairs) {
  const rows = pairs.filter(([, text]) => told(text) && text !== "").map(([word, text]) => el("tr", {}, el("th", {}, word), el("td", {}, String(text))));
  return [el("strong", {}, name), el("table", {}, ...rows)];
}
const legend = (styles) => el("div", { class: "bar legend" }, ...Object.entries(styles).map(([name, style]) =>
  el("span", { class: "key" }, svg("svg", { viewBox: "-14 -7 28 14" }, marker(style, 0, 0)), name)));
