// The picture of a sweep: lines over one dimension, two maps over two; below it all points as a table.

function drawSweep(data, root) {
  const [first, second] = data.axes, styles = data.styles, names = Object.keys(styles);
  const lead = (point) => point.lead === null ? "" : (point.clear ? "" : "~") + ratio(point.lead);
  const where = (point) => Object.entries(point.at).map(([name, value]) => `${name} ${value}`).join(", ");
  const find = (point, name) => point.candidates.find((one) => one.algorithm === name);
  const predicted = (one) => one && (one.verdict === "ok" || one.verdict === "skipped") ? one.predicted : null;

  // what is said of the whole
  const about = data.machine, varied = data.axes.map((axis) => axis.name), id = unique("sweep");
  const parts = { zoomIn: el("button", { "aria-label": "Zoom in" }, "+"), zoomOut: el("button", { "aria-label": "Zoom out" }, "−"), whole: el("button", {}, "Whole") };
  const plots = el("div", { class: "charts crosshair" }), keys = el("div", { class: "bar legend" });
  root.append(
    el("p", { class: "dim" }, [
      `jitconv ${data.jitconv}`, about.processor, `${about.cores} cores`,
      ...(varied.includes("threads") ? [] : [`${about.threads} thread${about.threads === 1 ? "" : "s"}`]),
      `numba ${about.numba}`, data.dtype, ...(data.layout ? [data.layout] : []),
    ].join(" · ")),
    ...data.summary.map((line) => el("p", {}, line)),
    el("div", { class: "bar" }, ...Object.values(parts),
      el("span", { class: "dim" }, "Hover or tap for the numbers; wheel zooms, dragging moves; arrow keys go from point to point.")),
    plots, keys, el("div", { class: "dim" }, ...data.notes.map((line) => el("p", {}, line))),
  );

  const stripes = () => svg("defs", {}, ...names.filter((name) => styles[name].hatch).map((name) =>
    svg("pattern", { id: `${id}stripes${names.indexOf(name)}`, width: 7, height: 7, patternUnits: "userSpaceOnUse",
      patternTransform: `rotate(${[45, 135, 0, 90][(styles[name].hatch - 1) % 4]})` },
      svg("rect", { width: 7, height: 7, fill: styles[name].colour }), svg("rect", { width: 1.5, height: 7, fill: styles[name].ink }))));
  const fill = (name) => styles[name].hatch ? `url(#${id}stripes${names.indexOf(name)})` : styles[name].colour;

  const hidden = new Set();
  function legend() {
    const winners = new Set(data.points.flatMap((point) => [point.winner, point.predicted_winner]));
    for (const name of second ? names.filter((one) => winners.has(one)) : names) {
      const sample = second
        ? svg("svg", { viewBox: "0 0 28 14" }, svg("rect", { width: 28, height: 14, fill: fill(name) }))
        : svg("svg", { viewBox: "-14 -7 28 14" }, svg("path", { d: "M-14 0h28", stroke: styles[name].colour, "stroke-width": 2 }), marker(styles[name], 0, 0));
      const key = el(second ? "span" : "button", { class: "key", ...(second ? {} : { "aria-pressed": "true" }) }, sample, name);
      if (!second) key.onclick = () => {
        hidden.has(name) ? hidden.delete(name) : hidden.add(name);
        key.setAttribute("aria-pressed", String(!hidden.has(name)));
        draw();
      };
      keys.append(key);
    }
    keys.append(el("span", { class: "dim" }, second
      ? "The number is the second's time over the winner's; ~ within the noise. Outlined: another won than was predicted."
      : "Solid: measured, with quartiles. Dashed: predicted. Ringed: the fastest."));
  }

  // what a point says
  function describe(point) {
    const rows = [...point.candidates].sort((a, b) => (a.median ?? Infinity) - (b.median ?? Infinity) || (a.predicted ?? Infinity) - (b.predicted ?? Infinity));
    const table = el("table", {}, el("tr", {}, el("th", {}, "candidate"), ...["measured", "quartiles", "predicted", "× fastest"].map((word) => el("th", { class: "n" }, word))));
    const best = point.winner ? find(point, point.winner).median : null;
    for (const one of rows.filter((row) => row.median !== null || row.verdict === "skipped" || row.verdict === "failed")) {
      const name = el("td", {}, swatch(styles[one.algorithm]), one.algorithm + (one.auto ? " (auto)" : ""));
      const cells = one.median === null
        ? [el("td", { class: "n" }, one.verdict === "skipped" ? "not run" : "failed"), el("td"), el("td", { class: "n" }, time(one.predicted)), el("td")]
        : [time(one.median), `${time(one.low)} – ${time(one.high)}`, time(one.predicted), ratio(one.median / best)].map((text) => el("td", { class: "n" }, text));
      table.append(el("tr", {}, name, ...cells));
      if (one.verdict === "failed") table.append(el("tr", {}, el("td", { class: "why", colspan: 5 }, one.reason)));
    }
    const parts = [el("strong", {}, where(point)), el("p", {}, el("code", {}, point.problem))];
    if (point.reason) parts.push(el("p", {}, point.reason));
    else parts.push(table, el("p", { class: "dim" }, `auto: ${point.auto}` + (point.regret === null ? ", not measured" : `, regret ${ratio(point.regret)}`)));
    return parts;
  }

  let current = null;
  function show(point, x, y) {
    const fresh = point !== current;
    current = point;
    showTip(fresh ? describe(point) : null, x, y);
    if (fresh) mark();
  }
  function hide() { hideTip(); current = null; mark(); }

  // axes: [low, high] of what is seen, in logarithms over one dimension and in cells over two
  const log = Math.log10;
  let whole, view, charts = [];
  const MARGIN = { left: 58, right: 10, top: 8, bottom: 40 };

  function chart(heading, render) {
    const drawing = svg("svg", { tabindex: 0, role: "img", "aria-label": heading || `Time by ${first.name}` });
    const figure = el("figure", {}, ...(heading ? [el("h2", {}, heading)] : []), drawing);
    plots.append(figure);
    const one = { drawing, render, width: 0, height: 0 };
    charts.push(one);
    one.x = (value) => MARGIN.left + (value - view.x[0]) / (view.x[1] - view.x[0]) * (one.width - MARGIN.left - MARGIN.right);
    one.y = (value) => one.height - MARGIN.bottom - (value - view.y[0]) / (view.y[1] - view.y[0]) * (one.height - MARGIN.top - MARGIN.bottom);
    one.at = (event) => {
      const box = drawing.getBoundingClientRect();
      return [view.x[0] + (event.clientX - box.left - MARGIN.left) / (one.width - MARGIN.left - MARGIN.right) * (view.x[1] - view.x[0]),
        view.y[0] + (one.height - MARGIN.bottom - event.clientY + box.top) / (one.height - MARGIN.top - MARGIN.bottom) * (view.y[1] - view.y[0])];
    };
    listen(one);
  }

  function draw() {
    for (const one of charts) {
      one.width = Math.max(260, one.drawing.parentNode.clientWidth);
      one.height = second ? Math.max(150, Math.min(620, second.values.length * Math.min(44, Math.max(26, one.width / 12)))) + MARGIN.bottom + MARGIN.top
        : Math.max(300, Math.min(520, one.width * 0.6));
      one.drawing.setAttribute("viewBox", `0 0 ${one.width} ${one.height}`);
      const inside = { x: MARGIN.left, y: MARGIN.top, width: one.width - MARGIN.left - MARGIN.right, height: one.height - MARGIN.top - MARGIN.bottom };
      const clip = `${id}clip${charts.indexOf(one)}`;
      const body = svg("g", { "clip-path": `url(#${clip})` });
      one.drawing.replaceChildren(stripes(), svg("clipPath", { id: clip }, svg("rect", inside)), body);
      one.render(one, body);
      one.drawing.append(svg("rect", { ...inside, fill: "none", stroke: "var(--rule)" }));
      one.mark = svg("g", { "clip-path": `url(#${clip})`, "pointer-events": "none" });
      one.drawing.append(one.mark);
      const zoomed = view.x[1] - view.x[0] < whole.x[1] - whole.x[0] - 1e-9;
      one.drawing.style.touchAction = zoomed ? "none" : "pan-y";
    }
    mark();
  }

  function label(one, places, vertical, name) {
    const middle = vertical ? (one.height - MARGIN.bottom + MARGIN.top) / 2 : (one.width - MARGIN.right + MARGIN.left) / 2;
    let last = -Infinity;
    for (const [place, text] of [...places].sort((a, b) => a[0] - b[0])) {
      const inside = vertical ? place > MARGIN.top - 1 && place < one.height - MARGIN.bottom + 1 : place > MARGIN.left - 1 && place < one.width - MARGIN.right + 1;
      const room = vertical ? 13 : 8 + 7 * text.length;
      if (!inside || place - last < room) continue;
      last = place;
      one.drawing.append(vertical ? svg("text", { x: MARGIN.left - 6, y: place + 4, "text-anchor": "end" }, text)
        : svg("text", { x: place, y: one.height - MARGIN.bottom + 15, "text-anchor": "middle" }, text));
    }
    one.drawing.append(vertical ? svg("text", { transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, name)
      : svg("text", { x: middle, y: one.height - 6, "text-anchor": "middle" }, name));
  }

  // one dimension: lines
  const value = (point) => log(point.at[first.name]);
  function lines(one, body) {
    const ticks = [], decades = view.y[1] - view.y[0];
    for (let power = Math.floor(view.y[0]); power <= view.y[1]; power++)
      for (const times of decades < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : decades < 2.5 ? [1, 2, 5] : [1])
        ticks.push([one.y(power + log(times)), time(times * 10 ** power)]);
    for (const [place] of ticks) body.append(svg("path", { d: `M${MARGIN.left} ${place}H${one.width - MARGIN.right}`, stroke: "var(--rule)" }));
    label(one, ticks, true, "time");
    label(one, first.values.map((number) => [one.x(log(number)), String(number)]), false, first.name);
    const path = (figure) => {
      let pen = false;
      return data.points.map((point) => {
        const seconds = figure(point);
        if (!seconds) { pen = false; return ""; }
        const step = `${pen ? "L" : "M"}${one.x(value(point))} ${one.y(log(seconds))}`;
        pen = true;
        return step;
      }).join("");
    };
    for (const name of names.filter((each) => !hidden.has(each))) {
      const colour = styles[name].colour, line = { fill: "none", stroke: colour };
      body.append(svg("path", { ...line, d: path((point) => predicted(find(point, name))), "stroke-dasharray": "5 4", "stroke-width": 1.4 }));
      for (const point of data.points) {
        const seconds = predicted(find(point, name));  // one without a neighbour has no line
        if (seconds) body.append(svg("path", { ...line, d: `M${one.x(value(point)) - 4} ${one.y(log(seconds))}h8`, "stroke-width": 1.4 }));
      }
      body.append(svg("path", { ...line, d: path((point) => find(point, name)?.median), "stroke-width": 2 }));
      for (const point of data.points) {
        const found = find(point, name);
        if (!found || !found.median) continue;
        const x = one.x(value(point)), y = one.y(log(found.median));
        body.append(svg("path", { ...line, d: `M${x} ${one.y(log(found.low))}V${one.y(log(found.high))}`, "stroke-width": 4, opacity: 0.35 }), marker(styles[name], x, y));
        if (point.winner === name) body.append(svg("circle", { cx: x, cy: y, r: 10, fill: "none", stroke: colour, "stroke-width": 2 }));
      }
    }
  }

  // two dimensions: maps
  const column = (point) => first.values.indexOf(point.at[first.name]), row = (point) => second.values.indexOf(point.at[second.name]);
  const map = (winner, text, wrong) => (one, body) => {
    const width = one.x(1) - one.x(0), height = one.y(0) - one.y(1);
    for (const point of data.points) {
      const x = one.x(column(point)), y = one.y(row(point) + 1), name = point.winner && winner(point);
      const box = { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1 };
      body.append(svg("rect", { ...box, fill: name ? fill(name) : "var(--raised)" }));
      if (!name) { body.append(svg("path", { d: `M${x} ${y}l${width} ${height}m${-width} 0l${width} ${-height}`, stroke: "var(--rule)" })); continue; }
      if (wrong(point)) body.append(svg("rect", { x: x + 3, y: y + 3, width: Math.max(1, width - 6), height: Math.max(1, height - 6), fill: "none", stroke: styles[name].ink, "stroke-width": 2 }));
      if (width >= 30 && height >= 15) {
        const lettering = svg("text", { x: x + width / 2, y: y + height / 2 + 4, "text-anchor": "middle" }, text(point));
        Object.assign(lettering.style, { fill: styles[name].ink, stroke: styles[name].colour, strokeWidth: "4px", paintOrder: "stroke" });
        body.append(lettering);
      }
    }
    label(one, first.values.map((number, place) => [one.x(place + 0.5), String(number)]), false, first.name);
    label(one, second.values.map((number, place) => [one.y(place + 0.5), String(number)]), true, second.name);
  };

  function mark() {
    for (const one of charts.filter((each) => each.mark)) {
      one.mark.replaceChildren();
      if (!current) continue;
      one.mark.append(second
        ? svg("rect", { x: one.x(column(current)), y: one.y(row(current) + 1), width: one.x(1) - one.x(0), height: one.y(0) - one.y(1), fill: "none", stroke: "var(--ink)", "stroke-width": 3 })
        : svg("path", { d: `M${one.x(value(current))} ${MARGIN.top}V${one.height - MARGIN.bottom}`, stroke: "var(--dim)", "stroke-dasharray": "2 3" }));
    }
  }

  // pointer, wheel and keys
  function nearest([x, y]) {
    if (second) return data.points.find((point) => column(point) === Math.floor(x) && row(point) === Math.floor(y)) || null;
    return data.points.reduce((best, point) => !best || Math.abs(value(point) - x) < Math.abs(value(best) - x) ? point : best, null);
  }
  function zoom(factor, [x, y]) {
    for (const [name, centre] of [["x", x], ["y", y]]) {
      const size = Math.min(whole[name][1] - whole[name][0], (view[name][1] - view[name][0]) * factor);
      const share = (centre - view[name][0]) / (view[name][1] - view[name][0]);
      place(name, centre - share * size, size);
    }
    draw();
  }
  function place(name, low, size) {
    const [least, most] = whole[name];
    const from = Math.max(least, Math.min(low, most - size));
    view[name] = [from, from + size];
  }
  function listen(one) {
    const { drawing } = one;
    let drag = null;
    drawing.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY < 0 ? 0.8 : 1.25, one.at(event)); }, { passive: false });
    drawing.addEventListener("pointerdown", (event) => { drag = one.at(event); point(event); });
    drawing.addEventListener("pointermove", (event) => {
      if (!drag || !event.buttons) { point(event); return; }
      const [x, y] = one.at(event);
      place("x", view.x[0] + drag[0] - x, view.x[1] - view.x[0]);
      place("y", view.y[0] + drag[1] - y, view.y[1] - view.y[0]);
      draw();
    });
    for (const name of ["pointerup", "pointercancel"]) drawing.addEventListener(name, () => { drag = null; });
    drawing.addEventListener("pointerleave", (event) => { drag = null; if (event.pointerType === "mouse") hide(); });
    drawing.addEventListener("blur", hide);
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      const from = current || data.points[0], across = first.values.indexOf(from.at[first.name]) + (current ? step[0] : 0);
      const next = data.points.find((each) => each.at[first.name] === first.values[across]
        && (!second || row(each) === row(from) + (current ? step[1] : 0)));
      if (!next) return;
      const box = drawing.getBoundingClientRect(), best = next.winner ? find(next, next.winner).median : null;
      show(next, box.left + one.x(second ? column(next) + 0.5 : value(next)), box.top + (second ? one.y(row(next) + 0.5) : best ? one.y(log(best)) : 0));
    });
    function point(event) {
      const found = nearest(one.at(event));
      if (found) show(found, event.clientX, event.clientY);
      else hide();
    }
  }
  const centre = () => [(view.x[0] + view.x[1]) / 2, (view.y[0] + view.y[1]) / 2];
  parts.zoomIn.onclick = () => zoom(0.7, centre());
  parts.zoomOut.onclick = () => zoom(1 / 0.7, centre());
  parts.whole.onclick = () => { view = { x: [...whole.x], y: [...whole.y] }; draw(); };

  function points() {
    const won = (get) => (point) => point.winner ? get(point) : "";
    const column = (name, n, text, value = text) => ({ head: name, n, text: won(text), value: won(value) });
    root.append(el("details", {}, el("summary", {}, "All points as a table"), table(`Points of ${data.op}`, [
      ...varied.map((name) => ({ head: name, n: true, text: (point) => point.at[name] })),
      { head: "winner", text: (point) => point.winner || "not measured" },
      column("time", true, (point) => time(find(point, point.winner).median), (point) => find(point, point.winner).median),
      column("lead", true, lead, (point) => point.lead),
      column("second", false, (point) => point.second || ""),
      column("predicted", false, (point) => point.predicted_winner || ""),
      column("lead", true, (point) => ratio(point.predicted_lead), (point) => point.predicted_lead),
      column("auto", false, (point) => point.auto),
      column("regret", true, (point) => ratio(point.regret), (point) => point.regret),
    ], data.points)));
  }

  if (second) {
    whole = { x: [0, first.values.length], y: [0, second.values.length] };
    chart("Measured", map((point) => point.winner, lead, () => false));
    chart("Predicted", map((point) => point.predicted_winner, (point) => ratio(point.predicted_lead), (point) => point.predicted_winner !== point.winner));
  } else {
    // what is predicted of a candidate that was not run lies far above the others
    const ran = data.points.flatMap((point) => point.candidates.filter((one) => one.median !== null));
    const times = ran.flatMap((one) => [one.low, one.high, one.predicted]).filter((one) => one).map(log);
    const ends = [log(first.values[0]), log(first.values.at(-1))], space = Math.max(0.08, (ends[1] - ends[0]) * 0.05);
    whole = { x: [ends[0] - space, ends[1] + space], y: [Math.min(...times) - 0.15, Math.max(...times) + 0.15] };
    chart("", lines);
  }
  view = { x: [...whole.x], y: [...whole.y] };
  legend();
  points();
  let width = 0;
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (plots.clientWidth === width) return;  // drawing may change the height, which is no reason to draw
    width = plots.clientWidth;
    draw();
  })).observe(plots);
  draw();
}
