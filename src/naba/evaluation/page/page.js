"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const PAGE = 40;
let board = null;
let shown = PAGE;
let matching = [];

// Everything that came from data is written with textContent, never as markup.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (value !== null) node.setAttribute(key, value);
  }
  for (const child of children) node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  return node;
}
function svg(tag, attributes = {}, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}
function clear(node) { node.replaceChildren(); return node; }
const known = (value) => value !== null && value !== undefined;
const fixed = (value, digits = 3) => (known(value) ? value.toFixed(digits).replace("-", "−") : "");
const signed = (value) => (known(value) ? (value >= 0 ? "+" : "") + fixed(value) : "");
const p = (value) => (!known(value) ? "" : value < 0.001 ? "<.001" : fixed(value));
const better = (difference) => (board.higher_is_better ? difference > 0 : difference < 0);
const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const colours = ["#1f77b4", "#d9730d", "#2a9d4e", "#c0392b", "#8e5bbf", "#8c564b", "#d457a3", "#6b7280", "#a3a614", "#16a3b5"];
const colour = (place) => colours[place % colours.length];

// Whole words, so that no name is ever cut.
function wrap(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last ? last + " " + word : word;
  }
  return lines;
}
// A box with more to the side than it shows says so, also where scroll bars are hidden.
function markScrolling() {
  for (const box of document.querySelectorAll(".scroll, .card")) {
    const update = () => box.toggleAttribute("data-more", box.scrollWidth - box.clientWidth - Math.abs(box.scrollLeft) > 2);
    box.onscroll = update;
    update();
  }
}

function options(select, entries, value = null) {
  clear(select);
  for (const [key, text] of entries) select.append(el("option", { value: key }, text));
  if (value !== null) select.value = value;
}

/* ---- leaderboard ---- */
// A cell is [text, value to sort by]; the columns are those of `naba compare`.
let sorting = [0, 1];
function drawBoard() {
  const table = clear($("board-table"));
  const head = el("tr");
  board.columns.forEach(([key, title, numeric], place) => {
    const button = el("button", { type: "button" }, title);
    const first = numeric && (key !== "value" || board.higher_is_better) ? -1 : 1;
    button.onclick = () => { sorting = [place, sorting[0] === place ? -sorting[1] : first]; drawBoard(); };
    const state = sorting[0] === place ? (sorting[1] > 0 ? "ascending" : "descending") : "none";
    head.append(el("th", { class: (numeric ? "n " : "") + key, "aria-sort": state, scope: "col" }, button));
  });
  table.append(el("thead", {}, head));
  const key = (system) => system.cells[sorting[0]][1];
  const order = [...board.systems].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (!known(x) || !known(y)) return known(y) - known(x);
    return sorting[1] * (typeof x === "string" ? x.localeCompare(y) : x - y);
  });
  const body = el("tbody");
  for (const system of order) {
    const row = el("tr", { class: system.place === 0 ? "best" : "" });
    board.columns.forEach(([name, , numeric], place) => row.append(el("td", { class: (numeric ? "n " : "") + name }, system.cells[place][0])));
    body.append(row);
  }
  table.append(body);
}

/* ---- differences ---- */
function drawForest() {
  const against = Number($("against").value);
  const box = clear($("forest"));
  const tested = board.systems.filter((s) => s.paired && s.place !== against);
  if (!tested.length || !board.pairs.length) { box.append("Nothing to compare."); return; }
  const entries = tested.map((s) => [s, ...board.pairs[s.place][against]]);
  const ends = entries.flatMap(([, , low, high]) => [low, high]).concat([0]);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  // A phone gets a narrower drawing with the numbers under the names, so that its letters stay readable.
  const narrow = innerWidth < 640;
  const [left, right, step, width] = narrow ? [130, 380, 40, 400] : [190, 590, 24, 820];
  const x = (value) => left + ((value - least) / (most - least || 1)) * (right - left);
  const names = entries.map(([system]) => wrap(system.name, narrow ? 18 : 28));
  const starts = [];
  let height = 0;
  for (const lines of names) { starts.push(height); height += step + 14 * (lines.length - 1); }
  height += 34;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "differences with intervals" });
  root.append(svg("line", { x1: x(0), x2: x(0), y1: 4, y2: height - 24, class: "axis", "stroke-dasharray": "4 3" }));
  entries.forEach(([system, estimate, low, high, chance], place) => {
    const y = 16 + starts[place];
    const paint = chance < 0.05 ? (better(estimate) ? "var(--good)" : "var(--bad)") : "var(--soft)";
    names[place].forEach((line, below) => root.append(svg("text", { x: left - 12, y: y + 4 + 14 * below, "text-anchor": "end" }, line)));
    root.append(svg("line", { x1: x(low), x2: x(high), y1: y, y2: y, stroke: paint, "stroke-width": 2 }));
    root.append(svg("circle", { cx: x(estimate), cy: y, r: 5, fill: chance < 0.05 ? paint : "var(--paper)", stroke: paint, "stroke-width": 2 }));
    const numbers = `${signed(estimate)} [${signed(low)}, ${signed(high)}]  p ${p(chance)}`;
    root.append(svg("text", narrow ? { x: left - 12, y: y + 4 + 14 * names[place].length, class: "soft" } : { x: right + 10, y: y + 4, class: "soft" }, numbers));
  });
  for (const value of [0, least, most].filter((one) => one === 0 || Math.abs(x(one) - x(0)) > 60)) root.append(svg("text", { x: x(value), y: height - 8, "text-anchor": "middle", class: "soft" }, signed(value)));
  box.append(root);
}
function drawMatrix() {
  const table = clear($("matrix"));
  const tested = board.systems.filter((s) => s.paired);
  table.append(el("tr", {}, el("th"), ...tested.map((s) => el("th", { class: "n" }, s.name))));
  for (const one of tested) {
    table.append(el("tr", {}, el("th", {}, one.name), ...tested.map((other) => {
      if (one === other || !board.pairs.length) return el("td", { class: "n" }, "·");
      const [estimate, , , chance] = board.pairs[one.place][other.place];
      return el("td", { class: "n " + (chance < 0.05 ? (better(estimate) ? "right" : "wrong") : "") }, signed(estimate) + (chance < 0.05 ? "*" : ""));
    })));
  }
}

/* ---- confusion ---- */
function drawConfusions() {
  const box = clear($("confusions"));
  box.style.setProperty("--card", `${Math.max(19, 3.3 * (board.names.length + 1.6))}rem`);
  for (const system of board.systems) {
    const table = el("table", { class: "heat" });
    table.append(el("tr", {}, el("th"), ...board.names.map((name) => el("th", { dir: "auto" }, name))));
    system.confusion.forEach((counts, row) => {
      const total = counts.reduce((a, b) => a + b, 0);
      table.append(el("tr", {}, el("th", { dir: "auto" }, board.names[row]), ...counts.map((count) => {
        const share = total ? count / total : 0;
        const cell = el("td", {}, count, el("small", {}, Math.round(100 * share) + "%"));
        cell.style.background = `rgba(var(--heat),${(0.75 * share).toFixed(2)})`;
        return cell;
      })));
    });
    box.append(el("div", { class: "card" }, el("h3", {}, system.name), table));
  }
}

/* ---- slices ---- */
const scoreTitle = () => board.columns.find(([key]) => key === "value")[1];
function drawSlices() {
  const table = clear($("slice-table"));
  const system = board.systems[Number($("slice-system").value)];
  table.append(el("tr", {}, ...["column", "value", scoreTitle(), "95 %", "to all", "rows", "share"].map((name, place) => el("th", { class: [2, 4, 5, 6].includes(place) ? "n" : "" }, name))));
  for (const [column, value, score, low, high, gap, rows, small] of system.slices) {
    table.append(el("tr", {}, el("td", {}, column), el("td", { class: "wrap" }, el("bdi", {}, value), small ? "*" : ""), el("td", { class: "n" }, fixed(score)),
      el("td", {}, `[${fixed(low)}, ${fixed(high)}]`), el("td", { class: "n " + (better(gap) ? "right" : "wrong") }, signed(gap)), el("td", { class: "n" }, rows), el("td", { class: "n" }, Math.round((100 * rows) / board.rows) + "%")));
  }
  if (!system.slices.length) table.append(el("tr", {}, el("td", { colspan: 7 }, "No column of this data set makes slices.")));
}

/* ---- lines ---- */
function lines(box, title, series, bounds, axes, diagonal = false) {
  clear(box);
  const [left, right, top, bottom] = [54, 500, 12, 290];
  const [x0, x1, y0, y1] = bounds;
  const x = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (right - left);
  const y = (value) => bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - top);
  const root = svg("svg", { viewBox: "0 0 520 332", role: "img", "aria-label": title });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const [vx, vy] = [x0 + part * (x1 - x0), y0 + part * (y1 - y0)];
    root.append(svg("line", { x1: left, x2: right, y1: y(vy), y2: y(vy), class: "axis" }));
    root.append(svg("text", { x: left - 6, y: y(vy) + 4, "text-anchor": "end", class: "soft" }, +vy.toPrecision(3)));
    root.append(svg("text", { x: x(vx), y: bottom + 16, "text-anchor": "middle", class: "soft" }, +vx.toPrecision(3)));
  }
  if (diagonal) root.append(svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "axis", "stroke-dasharray": "5 4", style: "stroke:var(--soft)" }));
  root.append(svg("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, axes[0]));
  root.append(svg("text", { x: 12, y: (top + bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(top + bottom) / 2})` }, axes[1]));
  series.forEach(([name, points, paint], place) => {
    root.append(svg("polyline", { points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "), fill: "none", stroke: paint, "stroke-width": 1.8, "stroke-dasharray": place < colours.length ? "none" : "6 3" }));
    if (points.length <= 30) for (const [a, b] of points) root.append(svg("circle", { cx: x(a), cy: y(b), r: 2.6, fill: paint }));
  });
  const legend = series.map(([name, , paint]) => el("li", {}, svg("svg", { width: 14, height: 4, style: `background:${paint}` }), name));
  box.append(root, el("ul", { class: "legend" }, ...legend));
}
function drawCalibration() {
  const systems = board.systems;
  lines($("reliability"), "reliability diagram", systems.map((s) => [s.name, s.reliability.points, colour(s.place)]), [0, 1, 0, 1], ["probability of the answer", "share right"], true);
  const most = Math.max(0.05, ...systems.flatMap((s) => s.risk.points.map((point) => point[1])));
  lines($("risk"), "coverage and risk", systems.map((s) => [s.name, s.risk.points, colour(s.place)]), [0, 1, 0, most], ["share of rows answered", "share wrong"]);
  const table = clear($("calibration-table"));
  table.append(el("tr", {}, ...["system", "ECE (10 equal-mass bins)", "Brier", "AURC"].map((name, place) => el("th", { class: place ? "n" : "" }, name))));
  for (const s of systems) table.append(el("tr", {}, el("td", {}, s.name), el("td", { class: "n" }, fixed(s.reliability.ece)), el("td", { class: "n" }, fixed(s.reliability.brier)), el("td", { class: "n" }, fixed(s.risk.area))));
}
function drawCurves() {
  const box = clear($("curve-charts"));
  const names = [...new Set(board.systems.flatMap((s) => Object.keys(s.curves)))];
  $("curves").hidden = document.querySelector('nav a[href="#curves"]').hidden = !names.length;
  for (const name of names) {
    const series = board.systems.filter((s) => s.curves[name]).map((s) => [s.name, s.curves[name], colour(s.place)]);
    const points = series.flatMap((one) => one[1]);
    const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
    const chart = el("div", { class: "chart" });
    lines(chart, name, series, [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)], ["step", name]);
    box.append(chart);
  }
}

/* ---- errors ---- */
function setUpErrors() {
  board.unpacked ||= {
    gold: unpack(board.gold),
    predicted: board.systems.map((s) => unpack(s.predicted)),
    sure: board.systems.map((s) => unpack(s.confidence)),
    goldSure: board.systems.map((s) => unpack(s.gold_confidence)),
  };
  const u = board.unpacked;
  if (!u.right) {
    const rows = u.gold.length;
    u.right = new Uint16Array(rows);
    u.disagree = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) {
      for (const answers of u.predicted) {
        u.right[row] += answers[row] === u.gold[row];
        if (answers[row] !== u.predicted[0][row]) u.disagree[row] = 1;
      }
    }
    u.search = board.ids.map((id, row) => (id + "\n" + board.texts[row] + "\n" + board.targets[row]).toLowerCase());
  }
  const any = [["", "any"]];
  options($("f-system"), board.systems.map((s) => [s.place, s.name]));
  const named = board.names.map((name, place) => [place, name]);
  options($("f-gold"), any.concat(named.slice(0, board.labels)));
  options($("f-predicted"), any.concat(named));
}
function filter() {
  const started = performance.now();
  const u = board.unpacked;
  const system = Number($("f-system").value);
  const [answers, sure] = [u.predicted[system], u.sure[system]];
  const [show, gold, predicted] = [$("f-show").value, $("f-gold").value, $("f-predicted").value];
  const bound = (id, otherwise) => { const value = Number.parseFloat($(id).value); return 200 * (Number.isNaN(value) ? otherwise : value); };
  const [low, high] = [bound("f-low", 0), bound("f-high", 1)];
  const words = $("f-text").value.trim().toLowerCase();
  const systems = u.predicted.length;
  const tests = {
    errors: (row) => answers[row] !== u.gold[row],
    right: (row) => answers[row] === u.gold[row],
    all: () => true,
    disagree: (row) => u.disagree[row],
    hard: (row) => !u.right[row],
    "only-wrong": (row) => answers[row] !== u.gold[row] && u.right[row] === systems - 1,
    "only-right": (row) => answers[row] === u.gold[row] && u.right[row] === 1,
  };
  const test = tests[show];
  const found = [];
  for (let row = 0; row < u.gold.length; row++) {
    if (test(row) && (gold === "" || u.gold[row] === Number(gold)) && (predicted === "" || answers[row] === Number(predicted)) &&
      sure[row] >= low - 1e-9 && sure[row] <= high + 1e-9 && (!words || u.search[row].includes(words))) found.push(row);
  }
  found.sort((a, b) => sure[b] - sure[a] || a - b);
  matching = found;
  shown = PAGE;
  drawExamples();
  const spent = performance.now() - started;
  document.body.dataset.filterMilliseconds = spent.toFixed(1);
  $("count").textContent = `${found.length} of ${u.gold.length} rows${board.left_out ? ` (${board.left_out} rows on which all systems are right are not in this page)` : ""}, most confident first`;
}
function drawExamples() {
  const u = board.unpacked;
  const system = Number($("f-system").value);
  const box = clear($("examples"));
  for (const row of matching.slice(0, shown)) {
    const answer = u.predicted[system][row];
    const right = answer === u.gold[row];
    const card = el("article", { class: "example" });
    if (board.targets[row]) card.append(el("p", { class: "target", dir: "auto" }, board.targets[row]));
    card.append(el("p", { class: "text", dir: "auto" }, board.texts[row]));
    card.append(el("div", { class: "meta" },
      el("span", {}, "gold"), el("span", { class: "chip", dir: "auto" }, board.names[u.gold[row]]),
      el("span", {}, "predicted"), el("span", { class: "chip " + (right ? "right" : "wrong"), dir: "auto" }, board.names[answer]),
      el("span", {}, `probability ${(u.sure[system][row] / 200).toFixed(2)}` + (right ? "" : `, of gold ${(u.goldSure[system][row] / 200).toFixed(2)}`)),
      el("span", {}, `${u.right[row]} of ${u.predicted.length} systems right`), el("span", {}, board.ids[row])));
    if (u.predicted.length > 1) {
      const details = el("details", {}, el("summary", {}, u.disagree[row] ? "systems disagree" : "all agree"));
      const chips = el("div", { class: "meta" });
      board.systems.forEach((s, place) => chips.append(el("span", { class: "chip " + (u.predicted[place][row] === u.gold[row] ? "right" : "wrong") }, `${s.name}: `, el("bdi", {}, board.names[u.predicted[place][row]]), ` ${(u.sure[place][row] / 200).toFixed(2)}`)));
      details.append(chips);
      card.append(details);
    }
    box.append(card);
  }
  $("more").hidden = matching.length <= shown;
}

/* ---- the page ---- */
// The systems of one kind, with the ranks, letters and corrected tests that they have among themselves.
function pool(whole, kind) {
  if (!kind) return whole;
  const { places, cells, pairs, notes } = whole.pools[kind];
  const systems = places.map((from, place) => ({ ...whole.systems[from], place, cells: cells[place] }));
  return { ...whole, systems, pairs, notes, unpacked: null };
}
function choosePools(place) {
  const kinds = Object.keys(DATA.boards[place].pools);
  options($("pool"), [["", "all systems"], ...kinds.map((kind) => [kind, kind.replaceAll("_", " ")])]);
  $("pool-label").hidden = !kinds.length;
}
function open(place) {
  board = pool(DATA.boards[place], $("pool").value);
  sorting = [board.columns.findIndex(([key]) => key === "value"), board.higher_is_better ? -1 : 1];
  $("about").textContent = board.about;
  clear($("notes")).append(...board.notes.map((note) => el("li", {}, note)));
  const tested = board.systems.filter((s) => s.paired);
  options($("against"), tested.map((s) => [s.place, s.name]));
  options($("slice-system"), board.systems.map((s) => [s.place, s.name]));
  drawBoard(); drawForest(); drawMatrix(); drawConfusions(); drawSlices(); drawCalibration(); drawCurves();
  setUpErrors();
  filter();
  markScrolling();
}
options($("board"), DATA.boards.map((one, place) => [place, one.title]));
$("board-label").hidden = DATA.boards.length < 2;
$("board").onchange = () => { choosePools(Number($("board").value)); open(Number($("board").value)); };
$("pool").onchange = () => open(Number($("board").value));
$("against").onchange = drawForest;
$("slice-system").onchange = () => { drawSlices(); markScrolling(); };
$("filters").oninput = filter;
$("filters").onsubmit = (event) => event.preventDefault();
$("more").onclick = () => { shown += PAGE; drawExamples(); };
let resizing = 0;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { drawForest(); markScrolling(); }, 150); });
document.addEventListener("toggle", markScrolling, true);
$("theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
};
choosePools(0);
open(0);
