// The report: where the figures come from, and a section for each file.

const sha = (commit) => commit ? commit.slice(0, 8) : "";
function quantity(value, unit) {
  if (!told(value)) return "";
  if (unit === "s" || unit === "seconds") return time(value);
  if (unit === "bytes") return value >= 2 ** 20 ? mebibytes(value) : value >= 1024 ? `${digits(value / 1024)} KiB` : `${value} B`;
  return `${digits(value)}${unit && unit !== "unit" ? ` ${unit}` : ""}`;
}
function notes(root, lines) {
  if (lines.length) root.append(el("div", { class: "dim" }, ...[...new Set(lines)].map((line) => el("p", {}, line))));
}

const KINDS = {
  gate: ["Gate", drawGate], bench: ["Against a peer, and the machine's ceiling", drawBench], compare: ["Error against speed", drawCompare],
  sweep: ["Which algorithm is the fastest where", drawSweep], asv: ["History", drawHistory],
};
const heading = (section) => section.kind === "sweep" ? `${section.op} ${section.problem}` : section.kind === "compare" ? section.title : section.file;

function drawReport() {
  const main = byId("main"), kinds = Object.keys(KINDS).filter((kind) => data.sections.some((one) => one.kind === kind));
  main.append(el("nav", { class: "bar", "aria-label": "Sections" }, ...[["sources", "Sources"], ...kinds.map((kind) => [kind, KINDS[kind][0]])].map(([id, name]) => el("a", { href: `#${id}` }, name))));
  main.append(sources());
  for (const kind of kinds) {
    const place = el("section", { id: kind }, el("h2", {}, KINDS[kind][0]));
    main.append(place);
    for (const section of data.sections.filter((one) => one.kind === kind)) {
      const own = el("article", {}, el("p", {}, el("strong", {}, heading(section)), el("span", { class: "dim" }, heading(section) === section.file ? "" : ` · ${section.file}`)));
      place.append(own);
      KINDS[kind][1](section, own);
    }
  }
}

function versionsOf({ jitconv, machine = {} }) {
  const own = ["python", "numba", "llvmlite", "numpy"].filter((name) => machine[name]).map((name) => [name, machine[name]]);
  return [...(jitconv ? [["jitconv", jitconv]] : []), ...own, ...Object.entries(machine.plugins || {})].map((pair) => pair.join(" ")).join(", ");
}

function sources() {
  const about = (read) => (one) => read(one.facts.machine || {}) ?? "";
  const versions = new Map();
  for (const one of data.sections) {
    const words = versionsOf(one.facts);
    if (words) versions.set(words, [...(versions.get(words) || []), one.file]);
  }
  return el("section", { id: "sources" }, el("h2", {}, "Where the figures come from"),
    table("Sources", [
      { head: "file", text: (one) => one.file },
      { head: "kind", text: (one) => one.kind },
      { head: "commit", text: (one) => sha(one.facts.commit) + (one.facts.dirty ? " + changes" : "") },
      { head: "time", text: (one) => (one.facts.time || "").replace("T", " ").replace("+00:00", " UTC") },
      { head: "CPU", text: about((machine) => machine.cpu || machine.processor) },
      { head: "cores", n: true, text: about((machine) => machine.cores) },
      { head: "threads", n: true, text: about((machine) => machine.threads) },
      { head: "load", n: true, text: about((machine) => machine.load?.before ? `${digits(machine.load.before[0])} → ${digits(machine.load.after[0])}` : "") },
      { head: "stolen", n: true, text: about((machine) => told(machine.steal) ? `${(machine.steal * 100).toFixed(1)} %` : ""), value: about((machine) => machine.steal) },
      { head: "governor", text: about((machine) => machine.governor) },
    ], data.sections), ...[...versions].map(([words, names]) => el("p", { class: "dim" }, `${names.join(", ")}: ${words}`)), el("p", { class: "dim" }, `Page of ${data.made.replace("T", " ").replace("+00:00", " UTC")}. Load: processes that ran or waited in the minute before and after. Stolen: the share of the cores' time that the host took.`));
}
