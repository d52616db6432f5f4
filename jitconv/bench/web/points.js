// What jitconv compare found: error against speed, each algorithm a point.

function drawCompare(data, root) {
  const jobs = new Map();
  for (const row of data.rows) {
    const key = `${row.op}: ${row.label}, ${row.problem}`;
    jobs.set(key, [...(jobs.get(key) || []), row]);
  }
  const choice = el("select", { "aria-label": "Problem" }, ...[...jobs.keys()].map((key) => el("option", {}, key)));
  const place = el("div");
  choice.onchange = () => {
    const rows = jobs.get(choice.value), able = rows.filter((row) => row.seconds && told(row.error) && !row.timed_on);
    const rest = rows.filter((row) => !able.includes(row));
    place.replaceChildren(...(able.length ? [speedChart(choice.value, able, data.styles).root, legend(pick(data.styles, able))] : []));
    notes(place, rest.map((row) => `${row.algorithm} is not drawn: ${row.timed_on ? "it was timed on a corner of the problem" : row.reason ? `${row.verdict}: ${row.reason}` : row.verdict}.`));
  };
  root.append(el("p", {}, "Error against speed, each algorithm a point: to the right faster, down more exact. A bar above a point is the bound that it must keep."),
    el("div", { class: "bar" }, choice), place);
  choice.onchange();
  root.append(table(`Rows of ${data.title}`, compareColumns(data), data.rows));
  notes(root, data.notes || []);
}
const pick = (styles, rows) => Object.fromEntries(Object.entries(styles).filter(([name]) => rows.some((row) => row.algorithm === name)));

function speedChart(name, rows, styles) {
  const unit = rows.some((row) => told(row.gflops)) ? "GFLOP/s" : "GB/s";
  const speed = (row) => row.gflops ?? row.gigabytes;
  const errors = rows.flatMap((row) => [row.error, row.bound]).filter((value) => value > 0);
  const [least, most] = errors.length ? apart(errors, 2) : [1e-8, 1e-6], floor = rows.some((row) => row.error === 0) ? least / 4 : least;
  const y = logarithmic(floor, most, rounding), x = logarithmic(...apart(rows.map(speed), 1.5), digits);
  y.ticks = y.ticks.filter(([value]) => value >= least);
  if (floor < least) y.ticks.push([floor * 1.6, "0"]);
  y.ticks.sort((a, b) => a[0] - b[0]);
  const order = [...rows].sort((a, b) => speed(a) - speed(b));
  return chart(`Error against speed: ${name}`, (width) => Math.max(280, Math.min(420, width * 0.55)), (one) => {
    const at = axes(one, { scale: x, title: `speed (${unit})` }, { scale: y, title: "relative L2 error" });
    one.taken = order.map((row) => around(at.x(speed(row)), at.y(row.error || floor * 1.6)));
    return order.map((row) => {
      const place = { x: at.x(speed(row)), y: at.y(row.error || floor * 1.6) };
      if (row.bound > 0) one.body.append(svg("path", { d: `M${place.x - 7} ${at.y(row.bound)}h14`, stroke: styles[row.algorithm].colour, "stroke-width": 2 }),
        svg("path", { d: `M${place.x} ${place.y}V${at.y(row.bound)}`, stroke: styles[row.algorithm].colour, "stroke-dasharray": "1 3" }));
      one.body.append(marker(styles[row.algorithm], place.x, place.y));
      label(one, row.algorithm + (row.auto ? " (auto)" : ""), place);
      return { ...place, describe: () => card(`${row.algorithm} of ${row.plugin}`, [["time", time(row.seconds)], ["spread", percent(row.spread)],
        ["speed", `${digits(speed(row))} ${unit}`], ["error", rounding(row.error)], ["bound", rounding(row.bound)], ["workspace", mebibytes(row.workspace)],
        ["predicted", time(row.predicted)], ["auto", row.auto ? "chooses it" : ""], ["verdict", row.verdict]]) };
    });
  });
}

// a name beside a point, where no other name or point is; else it is left to the tip
const around = (x, y) => [x - 6, y - 6, x + 6, y + 6];
function label(one, text, { x, y }) {
  const width = widthOf(text), places = [[x + 9, 4], [x - 9 - width, 4], [x - width / 2, 20], [x - width / 2, -10], [x - width / 2, 33]];
  for (const [left, down] of places) {
    const box = [left, y + down - 10, left + width, y + down + 2];
    const inside = left > one.margin.left && box[2] < one.width - one.margin.right && box[3] < one.height - one.margin.bottom;
    if (!inside || one.taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
    one.taken.push(box);
    one.body.append(svg("text", { x: left, y: y + down, class: "over" }, text));
    return;
  }
}

const compareColumns = (data) => [
  { head: "algorithm", text: (row) => [sign(data.styles[row.algorithm]), row.algorithm + (row.auto ? " (auto)" : "")], value: (row) => row.algorithm },
  { head: "median", n: true, text: (row) => time(row.seconds) + (row.timed_on ? " (crop)" : ""), value: (row) => row.seconds },
  { head: "error", n: true, text: (row) => rounding(row.error), value: (row) => row.error },
  { head: "op", text: (row) => row.op },
  { head: "problem", text: (row) => row.problem },
  { head: "plugin", text: (row) => row.plugin },
  { head: "verdict", text: (row) => row.verdict, class: (row) => ["wrong", "failed", "quarantined"].includes(row.verdict) ? "bad" : "" },
  { head: "spread", n: true, text: (row) => percent(row.spread), value: (row) => row.spread },
  { head: "GFLOP/s", n: true, text: (row) => told(row.gflops) ? digits(row.gflops) : "", value: (row) => row.gflops },
  { head: "GB/s", n: true, text: (row) => told(row.gigabytes) ? digits(row.gigabytes) : "", value: (row) => row.gigabytes },
  { head: "workspace", n: true, text: (row) => mebibytes(row.workspace), value: (row) => row.workspace },
  { head: "why", text: (row) => row.reason || "", class: "why" },
];
