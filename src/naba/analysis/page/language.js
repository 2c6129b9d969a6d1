"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const word = (() => {
  const root = document.documentElement, all = (selector) => [...document.querySelectorAll(selector)];
  let language = 0;
  const found = (key) => (data.words[key] || [key, key])[language];
  function translate() {
    for (const each of all("[data-i]")) each.textContent = found(each.dataset.i);
    for (const each of all("[data-i-label]")) each.setAttribute("aria-label", found(each.dataset.iLabel));
    root.lang = language ? "en" : "ar";
    root.dir = language ? "ltr" : "rtl";
    const button = document.getElementById("language");
    button.textContent = found("language");
    button.lang = language ? "ar" : "en";
  }
  document.getElementById("language").addEventListener("click", () => { language = 1 - language; translate(); });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  return found;
})();
