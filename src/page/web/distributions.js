// Weights, codes and scales of one layer.
"use strict";

(() => {
  const section = comq.section("weights", "Weights of a layer",
    "Float and quantized weights over the same range, how often each code is used, and the scales of the output channels.");

  /** The bins of a histogram with their borders. */
  const binsOf = ({ low, high, counts }) => {
    const width = (high - low) / counts.length || Math.abs(low) / 100 || 1;
    return counts.map((count, i) => ({ x1: low + i * width, x2: low + (i + 1) * width, count }));
  };

  const histogram = (title, caption, bins, { label, extra = [], legend, colour = "var(--series-1)", columns, description }) => comq.card(comq.chart({
    title, caption, legend, description,
    draw: (width) => comq.plot({
      width, height: 240, marginLeft: 52,
      x: { label, axis: null },
      y: { label: "count", nice: true, zero: true, axis: null },
      marks: [
        ...comq.axisY(5, d3.format("~s")), comq.axisX({ label, ticks: 5 }),
        Plot.rectY(bins, { x1: "x1", x2: "x2", y: "count", fill: colour, fillOpacity: 0.85, insetLeft: 0.5, insetRight: 0.5 }),
        ...extra,
        Plot.ruleY([0], { stroke: "var(--strong-line)" }),
        Plot.tip(bins, Plot.pointerX({ x: (bin) => (bin.x1 + bin.x2) / 2, y: "count", title: (bin) => columns.map((column) => `${column.name}: ${column.cell(bin)}`).join("\n"), ...comq.tip })),
      ],
    }),
    table: comq.table(title, columns, bins),
  }));

  const border = (name, key) => ({ name, cell: (bin) => comq.digits(bin[key]), value: (bin) => bin[key] });
  const count = (name, key = "count") => ({ name, cell: (bin) => String(bin[key]), value: (bin) => bin[key] });

  const panels = (run, i) => {
    const of = run.layers.distributions[i];
    if (!of) return [comq.element("p", { class: "note" }, "The result holds no codes of this layer.")];
    const bins = binsOf(of.quantized);
    const float = of.weights ? binsOf(of.weights) : null;
    if (float) bins.forEach((bin, k) => { bin.float = float[k].count; });
    const outline = float ? [Plot.line(float.flatMap((bin) => [{ x: bin.x1, y: bin.count }, { x: bin.x2, y: bin.count }]), { x: "x", y: "y", stroke: "var(--series-2)", strokeWidth: 1.75 })] : [];
    const codes = of.codes.map((number, code) => ({ x1: code - 0.5, x2: code + 0.5, code, count: number }));
    const used = codes.filter((bin) => bin.count > 0).length;
    const weights = d3.sum(of.codes);
    return [comq.element("div", { class: "panels three" },
      histogram("Weights", float ? null : "The checkpoint was not at hand, or is not what the run quantized, so only the quantized weights are shown.", bins, {
        label: "weight", extra: outline,
        legend: float ? comq.legend([["var(--series-1)", "quantized"], [comq.lineMark("var(--series-2)"), "float"]]) : null,
        columns: [border("from", "x1"), border("to", "x2"), count("quantized"), ...(float ? [count("float", "float")] : [])],
        description: `Histogram of ${weights} weights from ${comq.digits(of.quantized.low)} to ${comq.digits(of.quantized.high)}. The data table has all counts.`,
      }),
      histogram("Codes", `${used} of ${codes.length} levels are used.`, codes, {
        label: "code", colour: "var(--series-3)",
        columns: [{ name: "code", cell: (bin) => String(bin.code), value: (bin) => bin.code }, count("weights"), { name: "share", cell: (bin) => `${comq.decimals(100 * bin.count / weights, 1)}%`, value: (bin) => bin.count }],
        description: `${used} of ${codes.length} codes are used. The data table has all counts.`,
      }),
      histogram("Scales", `${d3.sum(of.scales.counts)} scales.`, binsOf(of.scales), {
        label: "scale", colour: "var(--series-4)",
        columns: [border("from", "x1"), border("to", "x2"), count("scales")],
        description: `Histogram of scales from ${comq.digits(of.scales.low)} to ${comq.digits(of.scales.high)}. The data table has all counts.`,
      }))];
  };

  section.render = () => {
    const run = comq.chosenRun();
    const names = run.layers.name ?? [];
    section.section.hidden = names.length === 0;
    if (names.length === 0) return;
    if (comq.state.layer >= names.length) comq.state.layer = 0;
    const i = comq.state.layer;
    const step = (by, text) => comq.element("button", { type: "button", "aria-label": text, onclick: () => comq.chooseLayer((i + by + names.length) % names.length) }, by < 0 ? "←" : "→");
    section.content.replaceChildren(
      comq.element("div", { class: "controls" }, comq.runChoice(),
        comq.choice("Layer", names.map((name, k) => [k, name]), i, (value) => comq.chooseLayer(Number(value))),
        step(-1, "previous layer"), step(1, "next layer"),
        comq.element("span", { class: "quiet" }, `${run.layers.out_features[i]} × ${run.layers.in_features[i]}, ${run.layers.bits[i]} bits, relative error ${comq.digits(run.layers.relative_error?.[i] ?? null)}`)),
      ...panels(run, i));
  };
  comq.distributions = section;
})();
