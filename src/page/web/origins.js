// What differs between the runs, and where each comes from.
"use strict";

(() => {
  const differences = comq.section("differences", "What differs", "Config keys and facts of provenance whose values are not the same in all runs of this page.");
  differences.render = () => {
    const runs = comq.shownRuns();
    differences.section.hidden = comq.page.runs.length < 2;
    if (comq.page.runs.length < 2) return;
    const rows = comq.page.differences.filter((row) => new Set(runs.map((run) => row.values[run.index])).size > 1);
    const short = (value) => (value.length > 48 ? `${value.slice(0, 22)}…${value.slice(-22)}` : value);
    differences.content.replaceChildren(comq.card(rows.length === 0 ? comq.element("p", {}, "Nothing.") : comq.table("Differing values by run", [
      { name: "key", text: true, cell: (row) => comq.element("span", { title: row.origin }, row.key), value: (row) => row.key },
      ...runs.map((run) => ({ name: run.label, text: true, cell: (row) => comq.element("span", { title: row.values[run.index] }, short(row.values[run.index]) || "–") })),
    ], rows)));
  };

  const provenance = comq.section("provenance", "Provenance", "Where a run comes from, and how to repeat it.");
  const copied = (text) => comq.element("button", { type: "button", onclick: async (event) => {
    const button = event.target;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text and copy it";
    }
  } }, "Copy");
  const saved = (text, name) => comq.element("a", { download: name, href: `data:text/yaml;charset=utf-8,${encodeURIComponent(text)}` }, `Save as ${name}`);

  provenance.render = () => {
    const run = comq.chosenRun();
    const { command_line: command, ...facts } = run.provenance;
    const name = `${run.file.split("/").pop().replace(/\.[^.]*$/, "")}.yaml`;
    provenance.content.replaceChildren(
      comq.element("div", { class: "controls" }, comq.runChoice()),
      comq.card(
        command ? comq.element("h3", {}, "The command that made it") : null,
        command ? comq.element("pre", { tabindex: 0 }, command) : null,
        command ? comq.element("div", { class: "controls" }, copied(command)) : null,
        comq.element("h3", {}, "The same from its whole config"),
        comq.element("pre", { tabindex: 0 }, `run_experiment ${name} -o repeated.h5\ncompare_results ${run.file} repeated.h5`),
        comq.element("div", { class: "controls" }, saved(run.config, name)),
        comq.element("details", {}, comq.element("summary", {}, "Config"), comq.element("pre", { tabindex: 0 }, run.config))),
      comq.card(comq.element("dl", { class: "facts" },
        Object.entries({ file: run.file, identity: run.identity, ...facts }).map(([key, value]) => comq.element("div", {}, comq.element("dt", {}, key), comq.element("dd", {}, value))))));
  };
  comq.differences = differences;
  comq.provenance = provenance;
})();
