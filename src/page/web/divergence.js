// How the divergence of predictions is spread over the evaluation images.
"use strict";

(() => {
  const section = comq.section("divergence", "Divergence over images",
    "KL(full precision ‖ quantized) that a share of the evaluation images does not exceed: a line low on the left and steep on the right moves a few images far.");
  const tabled = [0.5, 0.74, 0.9, 0.98, 1];

  const quantilesOf = (run) => run.sets[comq.state.set]?.quantiles ?? null;
  const at = (run, share) => {
    const q = quantilesOf(run);
    return q.kl[q.share.findIndex((s) => Math.abs(s - share) < 1e-9)];
  };

  /** Ends of lines with names that fit the margin, as far as they do not lie on each other. */
  const legible = (ends, [low, high]) => {
    const apart = 0.06 * Math.log(high / low);
    const kept = [];
    for (const end of d3.sort(ends, (point) => point.kl)) {
      const last = kept[kept.length - 1];
      if (comq.restOf(end.run).length <= 9 && (!last || Math.log(end.kl / last.kl) > apart)) kept.push(end);
    }
    return kept;
  };

  const panel = (network, runs) => {
    const points = runs.flatMap((run) => quantilesOf(run).share.map((share, k) => ({ run, share: 100 * share, kl: quantilesOf(run).kl[k] }))).filter((point) => point.kl > 0);
    const dash = (run) => {
      const same = runs.filter((other) => comq.seriesOf(other) === comq.seriesOf(run));
      return ["", "6,3", "2,3", "8,3,2,3", "1,2"][same.indexOf(run) % 5];
    };
    const ends = d3.rollups(points, (of) => of[of.length - 1], (point) => point.run).map(([, point]) => point);
    const domain = comq.logDomain(points.map((point) => point.kl));
    const draw = (width) => comq.plot({
      width, height: 320, marginRight: 64,
      x: { label: "share of the images (%)", domain: [0, 100], axis: null },
      y: { type: "log", label: "KL (nat)", domain, axis: null },
      marks: [
        ...comq.axisY(comq.logTicks(domain), comq.digits), comq.axisX({ label: "share of the images (%)", ticks: 5 }),
        ...runs.map((run) => Plot.line(points.filter((point) => point.run === run), { x: "share", y: "kl", stroke: comq.colourOf(run), strokeWidth: 1.75, strokeDasharray: dash(run) })),
        runs.length <= 8 ? Plot.text(legible(ends, domain), { x: "share", y: "kl", text: (point) => comq.restOf(point.run), dx: 6, textAnchor: "start", fill: "var(--quiet)", fontSize: 11 }) : null,
        Plot.tip(points, Plot.pointer({ x: "share", y: "kl", title: (point) => `${point.run.label}\n${comq.decimals(point.share, 0)}% of the images: at most ${comq.digits(point.kl)} nat`, ...comq.tip })),
      ],
    });
    return comq.card(comq.chart({
      title: network,
      legend: comq.legend(runs.map((run) => [comq.lineMark(comq.colourOf(run), dash(run)), [comq.colourDimension < 0 ? "" : comq.seriesOf(run), comq.restOf(run)].filter(Boolean).join(" ") || run.label])),
      description: `${network}: quantiles of the divergence of ${runs.length} runs. Medians: ${runs.map((run) => `${run.label} ${comq.digits(at(run, 0.5))}`).join(", ")}. The data table has more.`,
      draw,
      selected: (point) => comq.chooseRun(point.run.index),
      table: comq.table(`${network}: KL in nat that a share of the images does not exceed`, [
        { name: "run", text: true, cell: (run) => run.label, value: (run) => run.label },
        ...tabled.map((share) => ({ name: share === 1 ? "largest" : `${100 * share}%`, cell: (run) => comq.digits(at(run, share)), value: (run) => at(run, share) })),
      ], runs),
    }));
  };

  section.render = () => {
    const runs = comq.shownRuns().filter(quantilesOf);
    section.section.hidden = !comq.page.runs.some((run) => run.sets.some((set) => set.quantiles));
    section.content.replaceChildren(comq.setControl(),
      runs.length === 0 ? comq.element("p", { class: "note" }, "No run that is shown measured it on these images.")
        : comq.element("div", { class: "panels" }, comq.networks(runs).map(([network, of]) => panel(network, of))));
  };

  /** Which evaluation images are meant, where runs have several sets. */
  comq.setControl = () => {
    const names = d3.max(comq.page.runs, (run) => run.sets.length) > 1
      ? d3.greatest(comq.page.runs, (run) => run.sets.length).sets.map((set, k) => [k, set.name || "images of the run"]) : [];
    const controls = comq.element("div", { class: "controls" });
    if (names.length) controls.append(comq.choice("Images", names, comq.state.set, (value) => { comq.state.set = Number(value); comq.renderAll(); }));
    return controls;
  };
  comq.divergence = section;
})();
