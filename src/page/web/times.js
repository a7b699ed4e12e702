// Wall-clock time of each stage.
"use strict";

(() => {
  const section = comq.section("time", "Time by stage", "Wall-clock seconds of each stage of a run; what a run took from a cache is not there.");

  section.render = () => {
    const runs = comq.shownRuns().filter((run) => run.stages.name);
    section.section.hidden = !comq.page.runs.some((run) => run.stages.name);
    const all = runs.flatMap((run) => run.stages.name.map((stage, k) => ({ run, stage, seconds: run.stages.seconds[k] })));
    const totals = d3.rollups(all, (of) => d3.sum(of, (row) => row.seconds), (row) => row.stage);
    const order = [...new Set(all.map((row) => row.stage))];
    const frequent = totals.sort((a, b) => b[1] - a[1]).slice(0, 7).map(([stage]) => stage);
    const colours = order.filter((stage) => frequent.includes(stage));
    const colour = (stage) => (colours.includes(stage) ? comq.seriesColour(colours.indexOf(stage)) : "var(--series-8)");
    const left = Math.min(260, 24 + 6.6 * (d3.max(runs, (run) => run.label.length) ?? 10));
    const shortened = (label, width) => { const most = Math.floor((Math.min(left, width / 2.5) - 16) / 6.6); return label.length > most ? `${label.slice(0, most - 1)}…` : label; };
    const draw = (width) => comq.plot({
      width, height: 74 + 26 * runs.length, marginLeft: Math.min(left, width / 2.5), marginRight: 60,
      x: { label: "seconds", axis: null },
      y: { label: null, domain: runs.map((run) => run.index), tickFormat: (i) => shortened(comq.page.runs[i].label, width), tickSize: 0, padding: 0.3 },
      marks: [
        Plot.gridX({ stroke: "var(--line)", strokeOpacity: 1, ticks: 6 }), comq.axisX({ label: "seconds" }),
        Plot.barX(all, Plot.stackX({ x: "seconds", y: (row) => row.run.index, fill: (row) => colour(row.stage), order: order.length ? (row) => order.indexOf(row.stage) : null, insetRight: 0.5, title: (row) => `${row.run.label}\n${row.stage}: ${comq.seconds(row.seconds)}` })),
        Plot.text(runs, { x: (run) => d3.sum(run.stages.seconds), y: "index", text: (run) => comq.seconds(d3.sum(run.stages.seconds)), textAnchor: "start", dx: 5, fill: "var(--quiet)" }),
      ],
    });
    section.content.replaceChildren(comq.card(comq.chart({
      legend: comq.legend(colours.map((stage) => [colour(stage), stage]).concat(order.length > colours.length ? [["var(--series-8)", "other stages"]] : [])),
      description: `Time by stage of ${runs.length} runs. ${runs.map((run) => `${run.label}: ${comq.seconds(d3.sum(run.stages.seconds))}`).join("; ")}.`,
      draw,
      table: comq.table("Seconds by stage", [
        { name: "run", text: true, cell: (run) => run.label, value: (run) => run.label },
        ...order.map((stage) => {
          const of = (run) => (run.stages.name.includes(stage) ? d3.sum(run.stages.name, (name, k) => (name === stage ? run.stages.seconds[k] : 0)) : null);
          return { name: stage, value: of, cell: (run) => comq.decimals(of(run), 2) };
        }),
      ], runs),
    })));
  };
  comq.times = section;
})();
