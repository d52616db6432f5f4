// What asv measured over commits: a chosen benchmark with its steps, and all of them as a table.

function drawHistory(data, root) {
  const title = (one) => one.parameters ? `${one.name} (${one.parameters})` : one.name;
  const levels = (one) => one.steps || [];
  const last = (one) => levels(one).length > 1 ? levels(one).at(-1)[2] / levels(one).at(-2)[2] : null;
  const size = (one) => last(one) > 0 ? Math.abs(Math.log(last(one))) : 0;
  const place = el("div");
  function show(one) {
    place.replaceChildren(el("h3", {}, title(one)), el("p", { class: "dim" }, one.machine), historyChart(title(one), one, data.commits).root);
  }
  const machines = new Set(data.benchmarks.map((one) => one.machine)).size;
  root.append(el("p", {}, `${counted(data.benchmarks.length, "benchmark")} over ${counted(data.commits.length, "commit")}. `
    + (data.detector ? `Levels and steps as ${data.detector} detects them.` : "No steps are marked: asv, whose detection they need, is not installed (pip install 'jitconv[bench]').")),
    place, table("Benchmarks of asv", [
      { head: "last step", n: true, text: (one) => change(last(one)), value: last, class: (one) => last(one) === null ? "" : verdict(last(one), one.unit) },
      { head: "newest", n: true, text: (one) => quantity(one.points.at(-1)[1], one.unit), value: (one) => one.points.at(-1)[1] },
      { head: "benchmark", text: (one) => {
        const button = el("button", { class: "link" }, one.name);
        button.onclick = () => { show(one); place.scrollIntoView({ block: "nearest" }); };
        return [button];
      }, value: (one) => one.name },
      { head: "parameters", text: (one) => one.parameters },
      { head: "commits", n: true, text: (one) => one.points.length },
      { head: "steps", n: true, text: (one) => one.steps ? Math.max(0, one.steps.length - 1) : "" },
      ...(machines > 1 ? [{ head: "machine", text: (one) => one.machine }] : []),
    ], data.benchmarks));
  show(data.benchmarks.reduce((best, one) => size(one) > size(best) ? one : best));
}
// more is worse of times and bytes; of other units nothing is known
const verdict = (times, unit) => !["seconds", "bytes"].includes(unit) ? "" : times > 1 ? "bad" : "good";
const change = (value) => told(value) ? `${value >= 1 ? "+" : "−"}${Math.abs((value - 1) * 100).toFixed(0)} %` : "";

function historyChart(name, history, commits) {
  const { points, unit } = history, steps = history.steps || [];
  const values = points.flatMap(([, ...three]) => three).filter((value) => told(value));
  const [least, most] = [Math.min(...values), Math.max(...values)], room = (most - least || Math.abs(most) || 1) * 0.12;
  const first = points[0][0], last = points.at(-1)[0];
  const x = { share: (value) => (value - first + 0.5) / (last - first + 1), ticks: points.map(([commit]) => [commit, sha(commits[commit].commit)]) };
  const y = linear(least >= 0 ? Math.max(0, least - room) : least - room, most + room, (value) => quantity(value, unit));
  return chart(`History of ${name}`, (width) => Math.max(260, Math.min(380, width * 0.45)), (one) => {
    one.margin.left = 84;
    const at = axes(one, { scale: x, title: "commit, the oldest first" }, { scale: y, title: unit === "seconds" ? "time" : unit });
    const draw = (tag, given) => one.body.append(svg(tag, given));
    draw("path", { d: points.map(([commit, value], number) => `${number ? "L" : "M"}${at.x(commit)} ${at.y(value)}`).join(""), fill: "none", stroke: "var(--link)", opacity: 0.45 });
    steps.forEach(([left, right, level], number) => {
      const from = at.x(points[left][0]), to = at.x(points[right - 1][0]);
      draw("path", { d: `M${from - 8} ${at.y(level)}H${to + 8}`, stroke: "var(--ink)", "stroke-width": 2, class: "level" });
      if (!number) return;
      const before = steps[number - 1], between = (at.x(points[before[1] - 1][0]) + from) / 2, times = level / before[2];
      const colour = `var(--${verdict(times, unit) || "ink"})`;
      draw("path", { d: `M${between} ${one.margin.top}V${one.height - one.margin.bottom}`, stroke: colour, "stroke-dasharray": "4 3", class: "step" });
      const words = svg("text", { x: between - 5, y: one.margin.top + 14, "text-anchor": "end" }, change(times));
      words.style.fill = colour;
      one.body.append(words);
    });
    return points.map(([commit, value, low, high]) => {
      const place = { x: at.x(commit), y: at.y(value) };
      if (told(low) && told(high)) draw("path", { d: `M${place.x} ${at.y(low)}V${at.y(high)}`, stroke: "var(--link)", "stroke-width": 3, opacity: 0.4 });
      draw("circle", { cx: place.x, cy: place.y, r: 4, fill: "var(--link)", class: "point" });
      const { commit: whole, date } = commits[commit];
      return { ...place, describe: () => card(sha(whole), [["date", new Date(date).toISOString().slice(0, 10)], ["value", quantity(value, unit)],
        ["99 % interval", told(low) && told(high) ? `${quantity(low, unit)} – ${quantity(high, unit)}` : ""]]) };
    });
  });
}
