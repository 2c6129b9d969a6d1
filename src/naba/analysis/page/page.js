(() => {
  const panel = document.getElementById("panel"), body = document.getElementById("panel-body");
  const sentences = new Map(data.sentences.map((one) => [one.id, one]));
  let opened = "", from = null, shownClaim = -1;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const said = (key) => make("span", {"data-i": key}, word(key));
  const percent = (value) => make("bdi", {}, `${Math.round(100 * value)}%`);
  const arabic = (text) => make("bdi", {lang: "ar", dir: "rtl"}, text.replaceAll("\0", "\u2400"));
  const signed = (value) => make("bdi", {dir: "ltr"}, (value > 0 ? "+" : "\u2212") + Math.abs(value).toFixed(2));

  // --- marking the text
  function unmark(name) { for (const each of all("." + name)) each.classList.remove(name); }
  function mark(spans, name) {
    for (const each of all("article [data-s]")) {
      const start = +each.dataset.s, end = +each.dataset.e;
      if (spans.some((span) => span.start <= start && end <= span.end)) each.classList.add(name);
    }
  }

  // --- the panel
  function weights(list, shown) {
    return make("ul", {class: "weights"}, ...list.map((one) =>
      make("li", {class: one.weight > 0 ? "plus" : "minus"}, shown(one), " ", signed(one.weight))));
  }
  function evidence(answer) {
    if (!answer.evidence) return [];
    const found = [make("h4", {}, said("evidence"))];
    if (answer.evidence.words.length) found.push(weights(answer.evidence.words, (one) => arabic(one.text)));
    if (answer.evidence.features.length) found.push(make("details", {}, make("summary", {}, said("features")),
      weights(answer.evidence.features, (one) => make("bdi", {}, one.feature))));
    return found;
  }
  function probabilities(answer, prefix, labels) {
    const sorted = Object.entries(answer.probabilities).sort((one, other) => other[1] - one[1]);
    return sorted.map(([label, value]) => {
      const fill = make("i", {"aria-hidden": "true"});
      fill.style.width = `${100 * value}%`;
      return make("div", {class: `bar c${Math.max(0, labels.indexOf(label)) % 8}`}, said(`${prefix}_${label}`), make("span", {}, fill), percent(value));
    });
  }
  function report(one) {
    const rows = [];
    const row = (key, ...value) => rows.push(make("dt", {}, said(key)), make("dd", {}, ...value));
    if (one.source) row("speaker", arabic(one.source.text));
    else if (one.antecedent) row("antecedent", arabic(one.antecedent.text));
    else row("speaker", said("unknown_speaker"));
    row("cue", arabic(one.cue.text));
    row("kind", said(`kind_${one.kind}`));
    row("content", arabic(one.content.text));
    return make("div", {class: "report"}, make("dl", {}, ...rows));
  }
  function bearing(id) {
    const found = [];
    for (const claim of data.claims) {
      const one = claim.sentences.find((each) => each.sentence === id);
      const repeats = claim.repeated.includes(id);
      if (!repeats && (!one || one.label === "unrelated" || one.label === "other")) continue;
      const item = make("div", {class: "report"}, make("p", {lang: "ar", dir: "rtl"}, claim.text));
      if (one) item.append(make("p", {}, make("span", {class: `stance st-${one.label}`}, said(`stance_${one.label}`)), " ", percent(one.probability), " ",
        one.withheld ? make("span", {class: "doubt"}, said("withheld_short")) : null), ...evidence(one));
      if (repeats) item.append(make("p", {}, said("repeats")));
      found.push(item);
    }
    return found.length ? [make("h3", {}, said("stances")), ...found] : [];
  }
  function open(id, button, claim) {
    const sentence = sentences.get(id);
    if (!sentence) return;
    close(false);
    opened = id; from = button;
    const title = document.getElementById("panel-title");
    title.replaceChildren(said("sentence"), " ", make("bdi", {}, id.slice(1)));
    const parts = [];
    const answer = sentence.claim_type;
    if (answer) {
      if (answer.withheld) parts.push(make("p", {class: "doubt", style: "white-space:normal"}, said("withheld")));
      parts.push(make("h3", {}, said("probabilities")), ...probabilities(answer, "type", data.types), ...evidence(answer));
    }
    parts.push(make("h3", {}, said("who")));
    if (sentence.reports.length) parts.push(...sentence.reports.map(report));
    else parts.push(make("p", {class: "meta"}, said("no_report")));
    parts.push(...bearing(id));
    body.replaceChildren(...parts);
    panel.classList.add("opened");
    document.body.classList.add("reading");
    document.getElementById("close").hidden = false;
    for (const each of all(`button[data-open="${id}"].open`)) each.setAttribute("aria-expanded", "true");
    const place = document.getElementById(id);
    place.classList.add("current");
    const stance = claim === undefined ? null : data.claims[claim].sentences.find((one) => one.sentence === id);
    const words = (stance && stance.evidence ? stance.evidence : answer && answer.evidence) || {words: []};
    mark([...words.words.filter((one) => one.weight > 0), ...sentence.reports.filter((one) => !one.source && one.antecedent).map((one) => one.antecedent)], "find");
    place.scrollIntoView({block: "nearest"});
    if (button) panel.focus({preventScroll: true});
  }
  function close(back) {
    unmark("current"); unmark("find");
    for (const each of all('.open[aria-expanded="true"]')) each.setAttribute("aria-expanded", "false");
    panel.classList.remove("opened");
    document.body.classList.remove("reading");
    body.replaceChildren();
    document.getElementById("panel-title").replaceChildren(said("open_hint"));
    document.getElementById("close").hidden = true;
    if (back && from) from.focus();
    opened = "";
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open]");
    if (button) {
      event.preventDefault();
      const claim = button.dataset.claim === undefined ? undefined : +button.dataset.claim;
      if (opened === button.dataset.open && button.classList.contains("open")) close(true);
      else open(button.dataset.open, button, claim);
      return;
    }
    const sentence = event.target.closest(".sentence");
    if (sentence && !String(getSelection())) open(sentence.id, document.querySelector(`.open[data-open="${sentence.id}"]`));
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && opened) close(true); });
  document.getElementById("close").addEventListener("click", () => close(true));

  // --- the legend filters
  const filters = all(".filter"), chosen = new Set();
  function filter() {
    for (const each of filters) each.setAttribute("aria-pressed", String(each.dataset.type ? chosen.has(each.dataset.type) : !chosen.size));
    for (const each of all(".sentence")) each.classList.toggle("off", chosen.size > 0 && !chosen.has(each.dataset.type));
  }
  for (const each of filters) each.addEventListener("click", () => {
    const type = each.dataset.type;
    if (!type) chosen.clear();
    else if (!chosen.delete(type)) chosen.add(type);
    filter();
  });

  // --- claims
  function showClaim(place) {
    shownClaim = shownClaim === place ? -1 : place;
    for (const each of all(".sentence[data-stance]")) each.removeAttribute("data-stance");
    for (const each of all(".show")) each.setAttribute("aria-pressed", String(+each.dataset.place === shownClaim));
    if (shownClaim < 0) return;
    for (const one of data.claims[place].sentences)
      if (one.label !== "unrelated" && one.label !== "other") document.getElementById(one.sentence).dataset.stance = one.label;
    document.querySelector("article").scrollIntoView({block: "start"});
  }
  for (const card of all("[data-claim]").filter((each) => each.classList.contains("card"))) {
    const place = +card.dataset.claim, claim = data.claims[place], into = card.querySelector(".bearing");
    const bears = claim.sentences.filter((one) => one.label !== "unrelated" && one.label !== "other");
    const item = (id, ...before) => make("li", {}, make("button", {type: "button", "data-open": id, "data-claim": place},
      ...before, make("span", {class: "clip", lang: "ar", dir: "rtl"}, sentences.get(id).text.replaceAll("\0", "\u2400"))));
    const grouped = (list) => [...new Set(list.map((one) => one.label))].sort().flatMap((label) => [make("h4", {}, said(`stance_${label}`)),
      make("ul", {}, ...list.filter((one) => one.label === label).sort((one, other) => other.probability - one.probability)
        .map((one) => item(one.sentence, percent(one.probability), " ")))]);
    const sure = bears.filter((one) => !one.withheld), doubtful = bears.filter((one) => one.withheld);
    into.append(...grouped(sure));
    if (claim.repeated.length) into.append(make("h4", {}, said("repeats")), make("ul", {}, ...claim.repeated.map((id) => item(id))));
    if (doubtful.length) into.append(make("details", {}, make("summary", {}, said("doubtful"), " ", make("bdi", {}, String(doubtful.length))), ...grouped(doubtful)));
    if (bears.length) {
      const button = make("button", {type: "button", class: "show", "aria-pressed": "false", "data-place": place}, said("show_in_text"));
      button.addEventListener("click", () => showClaim(place));
      into.append(button);
    } else if (claim.stance !== null && !claim.repeated.length) into.append(make("p", {class: "meta"}, said("no_sentences")));
  }
  if (sentences.has(location.hash.slice(1))) open(location.hash.slice(1), null);
})();
