// Charts with a row for each layer or benchmark: bars of shares and ratios, intervals of the gate.

// pixels of a row, of the least and of all rows together; so many rows have labels
const ROW = 20, LEAST = 2, TALL = 560, LABELLED = 40;

/* rows are { label, value, low, high, colour, limit, describe }; a bar begins at base, a dashed line stands at whole, and a row with an interval is a
   point with a line. Labels stand beside the rows, above them where it is narrow, and in the tip of very many. */
function rowsChart(name, rows, { scale, title, base, whole, interval = false }) {
  const many = rows.length > LABELLED;
  const above = (width) => !many && width < 560;
  const size = (width) => many ? Math.max(LEAST, Math.min(ROW, TALL / rows.length)) : above(width) ? 34 : ROW;
  return chart(name, (width) => rows.length * size(width) + MARGIN.top + MARGIN.bottom, (one) => {
    one.flat = true;
    const stacked = above(one.width), step = size(one.width);
    const longest = many || stacked ? 0 : Math.max(...rows.map((row) => widthOf(row.label)));
    one.margin.left = Math.min(one.width * 0.5, 14 + longest);
    const place = axes(one, { scale, title }, null), from = place.x(base);
    const bottom = one.height - one.margin.bottom;
    one.body.append(svg("path", { d: `M${from} ${one.margin.top}V${bottom}`, stroke: "var(--ink)" }));
    if (told(whole)) one.body.append(svg("path", { d: `M${place.x(whole)} ${one.margin.top}V${bottom}`, stroke: "var(--ink)", "stroke-dasharray": "4 3" }));
    return rows.map((row, number) => {
      const top = one.margin.top + number * step, middle = stacked ? top + 25 : top + step / 2;
      const at = place.x(row.value), thick = stacked ? 12 : Math.max(1.5, step * 0.64);
      if (!many) one.body.append(stacked ? svg("text", { x: one.margin.left + 4, y: top + 15, class: "over" }, cut(row.label, one.width - one.margin.left - 8))
        : svg("text", { x: one.margin.left - 6, y: middle + 4, "text-anchor": "end" }, cut(row.label, one.margin.left - 10)));
      if (interval) one.body.append(...whiskers(place, row, middle));
      else one.body.append(svg("rect", { x: Math.min(from, at), y: middle - thick / 2, width: Math.max(1.5, Math.abs(at - from)), height: thick,
        fill: row.colour, class: "point" }));
      return { x: at, y: middle, describe: row.describe };
    });
  });
}

function whiskers(place, row, middle) {
  const found = [svg("path", { d: `M${place.x(row.low)} ${middle}H${place.x(row.high)}`, stroke: row.colour, "stroke-width": 3 })];
  for (const end of told(row.limit) ? [row.limit, 1 / row.limit] : [])
    found.push(svg("path", { d: `M${place.x(end)} ${middle - 7}v14`, stroke: "var(--dim)", "stroke-dasharray": "2 2" }));
  return [...found, svg("circle", { cx: place.x(row.value), cy: middle, r: 4.5, fill: row.colour, stroke: "var(--page)", class: "point" })];
}

// what jitconv bench found: ratio to the peer, and share of the machine's ceiling
function drawBench(data, root) {
  const who = data.algorithm && data.algorithm !== "auto" ? data.algorithm : "jitconv";  // auto's choices are jitconv's
  for (const op of Object.keys(data.ops)) {
    const rows = data.rows.filter((row) => row.op === op), unit = /^conv/.test(op) ? "GFLOP/s" : "GB/s";
    const rated = rows.filter((row) => row.ratio), head = `${op}${data.plan ? ", plans" : ""}${data.cold ? ", out of the caches" : ""}`;
    const describe = (row) => () => card(row.problem, [["algorithm", row.algorithm], ["median", time(row.seconds)], ["spread", percent(row.spread)],
      ["rate", `${digits(row.rate)} ${unit}`], ["ceiling", `${digits(row.ceiling)} ${unit}`], ["share", percent(row.share)],
      [data.peer, time(row.peer_seconds)], ["ratio", ratio(row.ratio)], ["error", rounding(row.error)], ["suite", row.suite], ["noisy", row.noisy ? "yes" : ""]]);
    const drawn = (some, value) => [...some].sort((a, b) => value(b) - value(a)).map((row) =>
      ({ label: row.problem, value: value(row), colour: data.styles[row.algorithm].colour, describe: describe(row) }));
    root.append(el("h3", {}, head));
    if (rated.length) {
      const values = rated.map((row) => row.ratio);
      root.append(el("p", {}, `${data.peer} time ÷ ${who} time: ${ratio(data.ops[op].mean)} in the geometric mean of ${counted(rated.length, "layer")}`
        + `, ${ratio(data.ops[op].weighted_mean)} weighted by how often each occurs. Right of 1 ${who} is the faster.`));
      root.append(rowsChart(`${op}: ratio to ${data.peer} of each layer`, drawn(rated, (row) => row.ratio),
        { scale: logarithmic(...apart([...values, 1], 1.15), ratio), title: `${data.peer} time ÷ ${who} time (×)`, base: 1 }).root);
    }
    root.append(el("p", {}, "Share of what the machine can do, measured in the same turns: "
      + (unit === "GB/s" ? "of the rate of a copy." : "of the rate of multiply-adds in registers (a faster algorithm than plain sums may exceed it).")));
    root.append(rowsChart(`${op}: share of the machine's ceiling of each layer`, drawn(rows, (row) => row.share * 100),
      { scale: linear(0, Math.max(100, ...rows.map((row) => row.share * 105)), (value) => `${value} %`), title: "share of the ceiling (%)", base: 0, whole: 100 }).root);
    root.append(legend(Object.fromEntries(Object.entries(data.styles).filter(([name]) => rows.some((row) => row.algorithm === name)))));
    root.append(table(`Layers of ${head}`, benchColumns(data, unit), rows));
  }
  notes(root, [...(data.left_out || []).map((one) => `${one.algorithm} ${one.verdict} ${one.problem}: ${one.reason}`), ...(data.notes || [])]);
}

const tone = (value) => !value ? "" : value < 0.95 ? "bad" : value > 1.05 ? "good" : "";
const benchColumns = (data, unit) => [
  { head: "problem", text: (row) => row.problem },
  ...(data.peer ? [{ head: "ratio", n: true, text: (row) => ratio(row.ratio), value: (row) => row.ratio, class: (row) => tone(row.ratio) }] : []),
  { head: "share", n: true, text: (row) => percent(row.share), value: (row) => row.share },
  { head: "algorithm", text: (row) => [sign(data.styles[row.algorithm]), row.algorithm], value: (row) => row.algorithm },
  { head: "median", n: true, text: (row) => time(row.seconds), value: (row) => row.seconds },
  ...(data.peer ? [{ head: data.peer, n: true, text: (row) => row.ratio ? time(row.peer_seconds) : row.peer_verdict, value: (row) => row.peer_seconds }] : []),
  { head: "spread", n: true, text: (row) => percent(row.spread), value: (row) => row.spread },
  { head: unit, n: true, text: (row) => digits(row.rate), value: (row) => row.rate },
  ...(data.rows.some((row) => told(row.error)) ? [{ head: "error", n: true, text: (row) => rounding(row.error), value: (row) => row.error }] : []),
  { head: "suite", text: (row) => row.suite },
  { head: "noise", text: (row) => row.noisy ? "noisy" : "" },
];

// what the gate found
const VERDICTS = { regression: "var(--bad)", error: "var(--bad)", slower: "var(--bad)", raises: "var(--bad)", improvement: "var(--good)", faster: "var(--good)" };
function drawGate(data, root) {
  const rows = data.rows.filter((row) => told(row.ratio));
  const colour = (row) => VERDICTS[row.verdict] || "var(--dim)";
  const colouring = (verdict) => ({ "var(--bad)": "bad", "var(--good)": "good" }[VERDICTS[verdict]] || "");
  const word = el("strong", { class: colouring(data.verdict) }, data.verdict);
  root.append(el("p", {}, "Verdict: ", word, `: ${sha(data.head)} against ${sha(data.base)}. Right of 1 the new commit is slower; dashed: each row's own limit.`));
  if (rows.length) {
    const ends = rows.flatMap((row) => [row.ratio, row.low, row.high, row.limit, told(row.limit) ? 1 / row.limit : null]).filter((one) => one > 0);
    const drawn = [...rows].sort((a, b) => b.ratio - a.ratio).map((row) => ({ label: row.name, value: row.ratio, low: row.low ?? row.ratio, high: row.high ?? row.ratio,
      limit: row.limit, colour: colour(row), describe: () => card(row.name, [["verdict", row.verdict], ["base", quantity(row.base, row.unit)], ["head", quantity(row.head, row.unit)],
        ["ratio", `${ratio(row.ratio)} (${ratio(row.low)} to ${ratio(row.high)})`], ["limit", ratio(row.limit)], ["instructions", row.instructions ? row.instructions.ratio.toFixed(4) : ""]]) }));
    root.append(rowsChart("Ratio of the new commit's time to the old one's, with intervals", drawn,
      { scale: logarithmic(...apart([...ends, 1], 1.1), ratio), title: "time of head ÷ time of base (×)", base: 1, interval: true }).root);
  }
  root.append(table("Rows of the gate", [
    { head: "verdict", text: (row) => row.verdict, class: (row) => colouring(row.verdict) },
    { head: "ratio", n: true, text: (row) => ratio(row.ratio), value: (row) => row.ratio },
    { head: "benchmark", text: (row) => row.name },
    { head: "base", n: true, text: (row) => quantity(row.base, row.unit), value: (row) => row.base },
    { head: "head", n: true, text: (row) => quantity(row.head, row.unit), value: (row) => row.head },
    { head: "interval", n: true, text: (row) => told(row.low) ? `${ratio(row.low)} – ${ratio(row.high)}` : "", value: (row) => row.low },
    { head: "limit", n: true, text: (row) => ratio(row.limit), value: (row) => row.limit },
    { head: "noise", n: true, text: (row) => told(row.noise) ? `${(row.noise * 100).toFixed(1)} %` : "", value: (row) => row.noise },
    { head: "instructions", n: true, text: (row) => row.instructions ? row.instructions.ratio.toFixed(4) : "", value: (row) => row.instructions?.ratio },
    { head: "again", text: (row) => [el("code", {}, row.command || "")], value: (row) => row.command },
  ], data.rows));
}
