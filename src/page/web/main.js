// Puts the page together and draws it again when a filter, a choice or the colours change.
"use strict";

(() => {
  const { page, state } = comq;
  const sections = [comq.overview, comq.layers, comq.distributions, comq.divergence, comq.images, comq.times, comq.differences, comq.provenance];

  comq.renderAll = () => {
    for (const section of sections) section.render();
    for (const link of document.querySelectorAll("#sections a")) link.hidden = document.getElementById(link.hash.slice(1)).hidden;
  };
  const aboutRun = [comq.layers, comq.distributions, comq.images, comq.provenance];
  comq.chooseRun = (index) => {
    state.run = index;
    for (const section of aboutRun) section.render();
  };
  comq.chooseLayer = (index) => {
    state.layer = index;
    comq.layers.render();
    comq.distributions.render();
  };

  const filters = document.getElementById("filters");
  filters.addEventListener("submit", (event) => event.preventDefault());
  page.dimensions.forEach((dimension, i) => {
    const values = comq.valuesOf(i);
    if (values.length < 2 || values.length > 24) return;
    filters.append(comq.element("fieldset", {}, comq.element("legend", { title: dimension.key }, dimension.name),
      values.map((value) => comq.chip(value, true, (shown) => {
        if (shown) state.hidden[i].delete(value);
        else state.hidden[i].add(value);
        const runs = comq.shownRuns();
        if (runs.length && !runs.includes(comq.chosenRun())) state.run = runs[0].index;
        comq.renderAll();
      }))));
  });

  document.getElementById("title").textContent = page.title;
  const count = `${page.runs.length} ${page.runs.length === 1 ? "run" : "runs"}`;
  const waiting = page.unfinished.length ? `, ${page.unfinished.length} not finished` : "";
  document.getElementById("subtitle").textContent = `${count}${waiting}, as of ${page.made.utc.replace("T", " ").replace("Z", " UTC")}`;
  document.getElementById("made").replaceChildren(`Made by ${page.made.by} with `, comq.element("code", {}, page.made.command), ". The page holds all that it shows and opens no connection.");

  const main = document.getElementById("main");
  main.append(...sections.map((section) => section.section));
  document.getElementById("sections").append(...sections.map((section) => comq.element("a", { href: `#${section.id}` }, section.title)));

  // Colours: those of the system, unless the button says otherwise.
  const theme = document.getElementById("theme");
  const themes = ["", "light", "dark"];
  let chosen = 0;
  const showTheme = () => {
    if (themes[chosen]) document.documentElement.dataset.theme = themes[chosen];
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Colours: ${themes[chosen] || "as the system"}`;
  };
  theme.addEventListener("click", () => {
    chosen = (chosen + 1) % themes.length;
    showTheme();
  });
  showTheme();

  // Paper has no clicks: the tables behind the charts are printed too.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.data:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  comq.renderAll();
  document.documentElement.dataset.ready = "true";
})();
