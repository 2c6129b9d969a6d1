"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const store = "naba-annotate:" + data.project;
let person = "", answers = {}, at = 0, since = Date.now();

// Progress is kept for each project and person, so that two people at one machine do not mix.
function kept(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
function keep(key, value) {
  try { localStorage.setItem(key, value); warn(""); }
  catch { warn("هذا المتصفح لا يحفظ التقدم: نزّل الملف قبل إغلاق الصفحة."); }
}
function warn(text) { $("warning").textContent = text; $("warning").hidden = !text; }

function load(name) {
  person = name.trim();
  let found = {};
  try { found = JSON.parse(kept(store + ":" + person) || "{}"); } catch { found = {}; }
  answers = person && found && typeof found === "object" ? found : {};
  at = Math.max(0, data.rows.findIndex((row) => !label(row)));
  show();
}
const label = (row) => (answers[row.id] || {}).label || "";
const done = () => data.rows.filter(label).length;

function save() {
  keep(store + ":" + person, JSON.stringify(answers));
}
function change(row, values) {
  if (!person) { warn("اكتب اسمك أولا."); $("person").focus(); return false; }
  answers[row.id] = Object.assign({ label: "", comment: "", seconds: 0 }, answers[row.id], values);
  save();
  return true;
}
function choose(place) {
  const row = data.rows[at];
  if (place >= data.labels.length) return;
  const seconds = ((answers[row.id] || {}).seconds || 0) + Math.min(600, (Date.now() - since) / 1000);
  if (!change(row, { label: data.labels[place][0], seconds: Math.round(seconds * 10) / 10 })) return;
  go(Math.min(at + 1, data.rows.length - 1));
}
function clear() {
  if (change(data.rows[at], { label: "" })) show();
}
function go(place) {
  at = Math.max(0, Math.min(data.rows.length - 1, place));
  since = Date.now();
  show();
}
function unanswered() {
  const next = data.rows.findIndex((row) => !label(row));
  if (next >= 0) go(next);
}
function show() {
  const row = data.rows[at];
  $("text").textContent = row.text;
  if (data.pair) $("target").textContent = row.target;
  const shown = data.labels.find(([id]) => id === row.suggestion);
  $("suggestion").hidden = !shown;
  $("suggestion").textContent = shown ? "اقتراح النموذج: " + shown[1] : "";
  $("comment").value = (answers[row.id] || {}).comment || "";
  $("place").textContent = `الصف ${at + 1} من ${data.rows.length}`;
  $("count").textContent = `${done()} من ${data.rows.length}`;
  $("bar").style.width = `${(100 * done()) / data.rows.length}%`;
  $("bar").parentElement.setAttribute("aria-valuenow", done());
  $("bar").parentElement.setAttribute("aria-valuemax", data.rows.length);
  document.querySelectorAll("#labels button").forEach((button, place) =>
    button.setAttribute("aria-checked", data.labels[place][0] === label(row)));
}
function download() {
  if (!person) { warn("اكتب اسمك أولا."); $("person").focus(); return; }
  if (!done()) { warn("لا توجد إجابات بعد، فلا شيء يُحفظ."); return; }
  // A remark without a label is no answer, but it is not thrown away.
  const given = data.rows.filter((row) => label(row) || (answers[row.id] || {}).comment).map((row) => Object.assign({ id: row.id }, answers[row.id]));
  const content = { naba: "answers", format: 1, project: data.project, person, saved: new Date().toISOString(),
    rows: data.rows.length, answers: given };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  link.download = `answers-${data.name}-${person.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  warn("");
}

data.labels.forEach(([id, name], place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  for (const [tag, text] of [["kbd", place + 1], ["span", name], ["small", id]]) {
    const part = document.createElement(tag);
    part.textContent = text;
    button.append(part);
  }
  button.onclick = () => choose(place);
  $("labels").append(button);
});
$("before").onclick = () => go(at - 1);
$("after").onclick = () => go(at + 1);
$("save").onclick = download;
$("person").oninput = () => { keep(store, $("person").value.trim()); load($("person").value); warn(""); };
$("person").onkeydown = (event) => { if (event.key === "Enter") $("person").blur(); };
$("comment").oninput = () => change(data.rows[at], { comment: $("comment").value });
$("comment").onkeydown = (event) => { if (event.key === "Enter" || event.key === "Escape") $("comment").blur(); };
function guide() {
  $("guideline").hidden = !$("guideline").hidden;
  $("guide").setAttribute("aria-expanded", !$("guideline").hidden);
  if (!$("guideline").hidden) $("guideline").scrollIntoView({ block: "nearest" });
}
if ($("guide")) $("guide").onclick = guide;

// By the place of the key, not its letter: on an Arabic keyboard 1 is ١ and S is س.
const actions = { ArrowRight: () => go(at - 1), ArrowLeft: () => go(at + 1), KeyU: unanswered, Backspace: clear,
  KeyS: download, KeyG: () => $("guide") && guide(), KeyN: () => $("comment").focus() };
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.altKey || event.metaKey) return;
  if (event.ctrlKey && event.code !== "KeyS") return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const action = digit ? () => choose(Number(digit[1]) - 1) : actions[event.code];
  if (!action || (event.ctrlKey && digit)) return;
  event.preventDefault();
  action();
});

$("person").value = kept(store) || "";
load($("person").value);
if (!person) $("person").focus();
