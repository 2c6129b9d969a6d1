"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const PAGE = 20;
let shown = PAGE;

// Everything that came from data is written with textContent, never as markup.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else node.setAttribute(key, value);
  }
  for (const child of children) node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  return node;
}
const label = (key) => (DATA.names[key] && DATA.names[key] !== key ? `${key} ${DATA.names[key]}` : key);
const codes = (word) => [...word].map((c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")).join(" ");

function words(kind, entries) {
  const box = el("p", { class: kind, dir: "rtl", lang: "ar" });
  entries.forEach(([word, changed], place) => {
    if (place) box.append(" ");
    box.append(changed ? el("mark", { title: codes(word) }, word) : word);
  });
  return box;
}

function example(one) {
  const kept = one.before === one.after;
  const box = el("article", { class: "example" });
  const chips = el("div", { class: "meta" },
    el("span", { class: "chip" }, one.perturbation),
    el("span", { class: "chip" }, "gold " + label(one.gold)),
    el("span", { class: "chip " + (one.before === one.gold ? "right" : "wrong") }, `${one.sure[0].toFixed(2)} ${label(one.before)}`),
    el("span", {}, kept ? "stays" : "becomes"),
    el("span", { class: "chip " + (kept || one.after !== one.gold ? "wrong" : "right") }, `${one.sure[1].toFixed(2)} ${label(one.after)}`),
    el("span", {}, one.id));
  box.append(chips);
  if (one.target.length && one.target[0][0]) {
    box.append(el("h3", {}, "Target"), words("target", one.target));
    if (one.perturbed_target.length) box.append(el("h3", {}, "Target, perturbed"), words("target", one.perturbed_target));
  }
  box.append(el("h3", {}, "Clean"), words("text", one.text), el("h3", {}, "Perturbed"), words("text", one.perturbed_text));
  return box;
}

function draw() {
  const value = (id) => $(id).value;
  const text = value("f-text").trim();
  const found = DATA.examples.filter((one) =>
    (!value("f-perturbation") || one.perturbation === value("f-perturbation") || one.kind === value("f-perturbation")) &&
    (!value("f-gold") || one.gold === value("f-gold")) &&
    (!value("f-before") || one.before === value("f-before")) &&
    (!value("f-after") || one.after === value("f-after")) &&
    (!text || one.id.includes(text) || [...one.text, ...one.perturbed_text, ...one.target].map((w) => w[0]).join(" ").includes(text)));
  $("count").textContent = found.length ? `${found.length} of ${DATA.examples.length} examples` : "No example fits.";
  $("list").replaceChildren(...found.slice(0, shown).map(example));
  $("more").hidden = found.length <= shown;
}

function fill(id, values, names = (key) => key) {
  $(id).append(el("option", { value: "" }, "any"));
  for (const key of values) $(id).append(el("option", { value: key }, names(key)));
  $(id).onchange = () => { shown = PAGE; draw(); };
}
const distinct = (key) => [...new Set(DATA.examples.map((one) => one[key]))];
fill("f-perturbation", [...distinct("kind"), ...distinct("perturbation")], (key) => (distinct("kind").includes(key) ? `all of ${key}` : key));
for (const key of ["gold", "before", "after"]) fill("f-" + key, Object.keys(DATA.names).filter((name) => distinct(key).includes(name)), label);
$("f-text").oninput = () => { shown = PAGE; draw(); };
$("filters").onsubmit = (event) => event.preventDefault();
$("more").onclick = () => { shown += PAGE; draw(); };
for (const link of document.querySelectorAll("[data-perturbation]")) {
  link.onclick = () => {
    const name = link.dataset.perturbation;
    $("f-perturbation").value = distinct("perturbation").includes(name) ? name : "";
    shown = PAGE;
    draw();
  };
}
$("theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
};
// A box with more to the side than it shows says so, also where scroll bars are hidden.
for (const box of document.querySelectorAll(".scroll")) {
  const update = () => box.toggleAttribute("data-more", box.scrollWidth - box.clientWidth - Math.abs(box.scrollLeft) > 2);
  box.onscroll = update;
  addEventListener("resize", update);
  update();
}
draw();
