"use strict";
// What all pages share: elements, numbers, markers, the tip, tables that sort and filter, colours.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function make(space, tag, attributes, ...children) {
  const node = space ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const svg = (tag, attributes = {}, ...children) => make(true, tag, attributes, ...children);
const el = (tag, attributes = {}, ...children) => make(false, tag, attributes, ...children);
let made = 0;
const unique = (word) => `${word}${made++}`;

// numbers as the commands print them
const told = (value) => value !== null && value !== undefined;
const digits = (value) => String(+value.toPrecision(3));
function time(seconds) {
  if (!told(seconds)) return "";
  if (seconds >= 1) return digits(seconds) + " s";
  return seconds >= 1e-3 ? digits(seconds * 1e3) + " ms" : digits(seconds * 1e6) + " µs";
}
const ratio = (value) => !told(value) ? "" : value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
const percent = (value) => told(value) ? `${Math.round(value * 100)} %` : "";
const rounding = (value) => !told(value) ? "" : value === 0 ? "0" : value.toExponential(1);
const mebibytes = (value) => told(value) ? `${(value / 2 ** 20).toFixed(1)} MiB` : "";

const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// markers, by the names of Matplotlib's
const SHAPES = {
  s: "M-4-4h8v8h-8z", D: "M0-5.5L5.5 0 0 5.5-5.5 0z", "^": "M0-5.5L5 4h-10z", v: "M0 5.5L5-4h-10z",
  P: "M-1.8-5h3.6v3.2h3.2v3.6h-3.2v3.2h-3.6v-3.2h-3.2v-3.6h3.2z", X: "M-5-2.5L-2.5-5 0-2.5 2.5-5 5-2.5 2.5 0 5 2.5 2.5 5 0 2.5-2.5 5-5 2.5-2.5 0z",
  "*": "M0-6L1.7-2H6L2.6.8 3.8 5.2 0 2.5-3.8 5.2-2.6.8-6-2h4.3z", o: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
};
const marker = (style, x, y) => svg("path", { d: SHAPES[style.marker], transform: `translate(${x} ${y})`,
  fill: style.colour, stroke: "var(--ink)", "stroke-width": 0.7, class: "point" });
const sign = (style) => svg("svg", { viewBox: "-7 -7 14 14", class: "sign" }, marker(style, 0, 0));
const swatch = (style) => {
  const found = el("span", { class: "swatch" });
  found.style.background = style ? style.colour : "none";
  return found;
};

// the tip: beside the pointer, or at the foot of a narrow screen
const narrow = matchMedia("(max-width: 40rem)");
const tip = el("div", { id: "tip", role: "status" });
document.body.append(tip);
function showTip(parts, x, y) {
  if (parts) tip.replaceChildren(...parts);
  tip.style.display = "block";
  if (narrow.matches) return;
  const box = tip.getBoundingClientRect();
  const left = x + 18 + box.width < innerWidth ? x + 18 : Math.max(4, x - 18 - box.width);
  tip.style.left = left + "px";
  tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 4)) + "px";
}
const hideTip = () => { tip.style.display = "none"; };
document.addEventListener("pointerdown", (event) => { if (!event.target.closest("figure")) hideTip(); });

// a table: columns are { head, text, value, n, class }; text gives what a cell shows, value what it is sorted by
const MOST = 200;  // rows that are drawn at first
function table(name, columns, rows, { sorted = null, down = false } = {}) {
  const state = { by: sorted, down, words: [], all: false };
  const value = (column, row) => (column.value || column.text)(row);
  const texts = new Map(rows.map((row) => [row, columns.map((column) => plain(column.text(row))).join(" ").toLowerCase()]));
  const body = el("tbody"), count = el("span", { class: "dim" }), more = el("button", {}, "Show all");
  const heads = columns.map((column, place) => {
    const button = el("button", {}, column.head);
    button.onclick = () => {
      state.down = state.by === place ? !state.down : false;
      state.by = place;
      fill();
    };
    return el("th", { scope: "col", class: column.n ? "n" : "" }, button);
  });
  const filter = el("input", { type: "search", placeholder: "Filter", "aria-label": `Filter ${name}` });
  filter.oninput = () => { state.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean); fill(); };
  more.onclick = () => { state.all = true; fill(); };
  function compare(one, other) {
    const [a, b] = [value(columns[state.by], one), value(columns[state.by], other)];
    if (!told(a) || a === "" || !told(b) || b === "") return (told(b) && b !== "") - (told(a) && a !== "");  // holes last
    const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return state.down ? -order : order;
  }
  function fill() {
    const found = rows.filter((row) => state.words.every((word) => texts.get(row).includes(word)));
    if (state.by !== null) found.sort(compare);
    const drawn = state.all ? found : found.slice(0, MOST);
    body.replaceChildren(...drawn.map((row) => el("tr", {}, ...columns.map((column) => {
      const shown = column.text(row);
      const kind = typeof column.class === "function" ? column.class(row) : column.class || "";
      return el("td", { class: `${column.n ? "n" : ""} ${kind}`.trim() }, ...(Array.isArray(shown) ? shown : [String(shown ?? "")]));
    }))));
    count.textContent = found.length === rows.length && drawn.length === rows.length ? counted(rows.length, "row")
      : `${drawn.length} of ${counted(rows.length, "row")}`;
    more.hidden = drawn.length === found.length;
    heads.forEach((head, place) => head.setAttribute("aria-sort", place !== state.by ? "none" : state.down ? "descending" : "ascending"));
  }
  fill();
  return el("div", { class: "rows" }, el("div", { class: "bar" }, filter, count, more),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body)));
}
const plain = (shown) => Array.isArray(shown) ? shown.map((one) => one.textContent ?? one).join(" ") : String(shown ?? "");

// light, dark, or as the system is
function themeSwitch() {
  const names = ["system", "light", "dark"], button = el("button", { id: "theme" });
  const take = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = `Colours: ${name}`;
  };
  button.onclick = () => take(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % 3]);
  take("system");
  return button;
}
byId("top").append(themeSwitch());
