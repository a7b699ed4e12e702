// Layers in the order of the network: own error beside a reference, cumulative error, sensitivity.
"use strict";

(() => {
  const section = comq.section("layers", "Layer by layer",
    "Relative error ‖X(W − Wq)‖ / ‖XW‖ of each layer on the calibration images, in the order of the network. A click on a layer shows its weights below.");
  const choice = { colour: null, log: true, bits: null };

  const kindOf = (run, i) => {
    const { kind, groups } = run.layers;
    if (kind[i] !== "convolution") return kind[i];
    return groups && groups[i] > 1 ? "grouped convolution" : "convolution";
  };
  /** The part of a name behind its block: what a layer does there. */
  const roleOf = (run, i) => {
    const [name, block] = [run.layers.name[i], run.layers.block[i]];
    if (name !== block) return name.slice(block.length + 1);
    const last = name.split(".").slice(-1)[0];
    return isNaN(last) ? last : name;
  };

  /** The groups of a run's layers by the chosen colour, at most eight with a colour of their own. */
  const grouping = (run) => {
    const count = run.layers.name.length;
    const of = { kind: kindOf, role: roleOf, block: (r, i) => r.layers.block[i] }[choice.colour];
    const groups = Array.from({ length: count }, (_, i) => of(run, i));
    const names = [...new Set(groups)];
    if (choice.colour === "block") {
      const shade = d3.scaleLinear().domain([0, Math.max(names.length - 1, 1)]).range([0, 100]);
      return { groups, entries: [], colour: (group) => `color-mix(in oklab, var(--shade-high) ${shade(names.indexOf(group)).toFixed(0)}%, var(--shade-low))` };
    }
    const frequent = names.length <= 8 ? names : d3.groupSort(groups, (g) => -g.length, (g) => g).slice(0, 7);
    const colour = (group) => (frequent.includes(group) ? comq.seriesColour(frequent.indexOf(group)) : "var(--series-8)");
    const entries = frequent.map((group) => [colour(group), group]);
    return { groups, colour, entries: names.length > 8 ? entries.concat([["var(--series-8)", "others"]]) : entries };
  };

  const rowsOf = (run) => {
    const layers = run.layers;
    const at = (name, i) => (layers[name] ? layers[name][i] : null);
    const other = comq.state.beside === "rtn" ? null : comq.page.runs[comq.state.beside];
    const places = other ? new Map(other.layers.name.map((name, i) => [name, i])) : null;
    return layers.name.map((name, i) => ({
      i, name, block: layers.block[i], kind: kindOf(run, i), bits: layers.bits[i],
      shape: `${layers.out_features[i]} × ${layers.in_features[i]}`,
      own: at("relative_error", i),
      beside: other ? (places.has(name) ? other.layers.relative_error?.[places.get(name)] : null) : at("rtn_relative_error", i),
      heldout: at("heldout_relative_error", i), cumulative: at("cumulative_error", i),
      levels: at("levels_used", i), seconds: at("seconds", i),
    }));
  };

  /** Where blocks begin, for the axis: as many as there is room for. */
  const blockStarts = (rows, width) => {
    const starts = rows.filter((row, k) => k === 0 || rows[k - 1].block !== row.block);
    const step = Math.ceil(starts.length / Math.max(Math.floor(width / 34), 1));
    return starts.filter((_, k) => k % step === 0);
  };
  const axisOf = (rows, width) => {
    const starts = blockStarts(rows, width);
    return [
      Plot.ruleX(rows.filter((row, k) => k > 0 && rows[k - 1].block !== row.block), { x: (row) => row.i - 0.5, stroke: "var(--line)" }),
      Plot.axisX(starts.map((row) => row.i), { tickFormat: (i) => rows[i].block, tickRotate: -40, textAnchor: "end", label: null, tickSize: 0, fill: "var(--quiet)" }),
    ];
  };
  const besideName = () => (comq.state.beside === "rtn" ? "round-to-nearest" : comq.page.runs[comq.state.beside].label);

  const errorChart = (run, rows) => {
    const { groups, colour, entries } = grouping(run);
    const numbers = rows.flatMap((row) => [row.own, row.beside, row.cumulative, row.heldout]).filter(comq.isNumber);
    const log = choice.log && numbers.some((v) => v > 0);
    const fits = (value) => comq.isNumber(value) && (!log || value > 0);
    const both = rows.filter((row) => fits(row.own) && fits(row.beside));
    const text = (row) => [row.name, `${row.kind}, ${row.shape}, ${row.bits} bits`, `relative error: ${comq.digits(row.own)}`,
      `${besideName()}: ${comq.digits(row.beside)}`,
      comq.isNumber(row.heldout) ? `on held-out images: ${comq.digits(row.heldout)}` : null,
      comq.isNumber(row.cumulative) ? `cumulative: ${comq.digits(row.cumulative)}` : null].filter(Boolean).join("\n");
    const domain = log ? comq.logDomain(numbers.filter((v) => v > 0)) : undefined;
    const draw = (width) => comq.plot({
      width, height: 360, marginBottom: 78,
      x: { domain: [-0.7, rows.length - 0.3], axis: null },
      y: { type: log ? "log" : "linear", label: "relative error", domain, nice: !log, zero: !log, axis: null },
      marks: [
        ...comq.axisY(log ? comq.logTicks(domain) : 6, comq.digits), ...axisOf(rows, width),
        Plot.line(rows.filter((row) => fits(row.cumulative)), { x: "i", y: "cumulative", stroke: "var(--quiet)", strokeWidth: 1.5, strokeDasharray: "5,3" }),
        Plot.ruleX(both, { x: "i", y1: "own", y2: "beside", stroke: "var(--strong-line)" }),
        Plot.ruleY(both, { y: "beside", x1: (row) => row.i - 0.36, x2: (row) => row.i + 0.36, stroke: "var(--quiet)", strokeWidth: 2 }),
        Plot.dot(rows.filter((row) => fits(row.heldout)), { x: "i", y: "heldout", r: 3, stroke: (row) => colour(groups[row.i]), strokeWidth: 1.2, fill: "var(--card)" }),
        Plot.dot(rows.filter((row) => fits(row.own)), { x: "i", y: "own", r: (rows.length > 120 ? 2.5 : 4.5), fill: (row) => colour(groups[row.i]), stroke: "var(--card)", strokeWidth: 0.75 }),
        Plot.dot(rows.filter((row) => row.i === comq.state.layer && fits(row.own)), { x: "i", y: "own", r: 8, stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.tip(rows.filter((row) => fits(row.own)), Plot.pointerX({ x: "i", y: "own", title: text, ...comq.tip })),
      ],
    });
    const worst = d3.greatest(rows, (row) => row.own ?? -1);
    const below = both.filter((row) => row.own < row.beside).length;
    const legend = entries.concat([[comq.lineMark("var(--quiet)"), besideName()]]);
    if (rows.some((row) => comq.isNumber(row.cumulative))) legend.push([comq.lineMark("var(--quiet)", "5,3"), "cumulative, in the quantized network"]);
    if (rows.some((row) => comq.isNumber(row.heldout))) legend.push([ring(), "on held-out images"]);
    return comq.card(comq.chart({
      title: "Error of each layer",
      caption: `${below} of ${both.length} layers are below ${besideName()}.${choice.colour === "block" ? " Blocks are darker from the first to the last." : ""}`,
      legend: comq.legend(legend),
      description: `Relative error of ${rows.length} layers of ${run.label}. Largest: ${worst ? `${worst.name} with ${comq.digits(worst.own)}` : "none"}. ${below} of ${both.length} layers are below ${besideName()}. The data table has all values.`,
      draw,
      selected: (row) => comq.chooseLayer(row.i),
      table: layerTable(run, rows),
    }));
  };

  const ring = () => {
    const svg = d3.create("svg").attr("width", 12).attr("height", 12).attr("aria-hidden", "true");
    svg.append("circle").attr("cx", 6).attr("cy", 6).attr("r", 3.5).attr("fill", "none").attr("stroke", "var(--quiet)").attr("stroke-width", 1.5);
    return svg.node();
  };

  const layerTable = (run, rows) => {
    const columnOf = { own: "relative_error", heldout: "heldout_relative_error", cumulative: "cumulative_error", levels: "levels_used", seconds: "seconds", bits: "bits" };
    const number = (name, key, show = comq.digits) => ({ name, value: (row) => row[key], cell: (row) => show(row[key]), title: comq.page.layer_columns[columnOf[key]]?.description });
    const columns = [
      { name: "#", cell: (row) => String(row.i + 1), value: (row) => row.i },
      { name: "layer", text: true, value: (row) => row.name, cell: (row) => comq.element("a", { href: "#weights", onclick: () => comq.chooseLayer(row.i) }, row.name) },
      { name: "kind", text: true, value: (row) => row.kind, cell: (row) => row.kind },
      { name: "out × in", cell: (row) => row.shape },
      number("bits", "bits", String), number("levels", "levels", String),
      number("relative error", "own"), number(besideName(), "beside"), number("held-out", "heldout"),
      number("cumulative", "cumulative"), number("solving", "seconds", comq.seconds),
    ];
    return comq.table(`Layers of ${run.label}`, columns.filter((column) => !column.value || rows.some((row) => column.value(row) !== null)), rows);
  };

  /** KL of the predictions with one layer, or block, alone quantized. */
  const sensitivityChart = (run, rows) => {
    const records = run.sensitivities;
    if (!records.unit) return null;
    const widths = [...new Set(records.bits)].sort((a, b) => a - b);
    if (!widths.includes(choice.bits)) choice.bits = widths.includes(d3.mode(rows, (row) => row.bits)) ? d3.mode(rows, (row) => row.bits) : widths[0];
    const places = new Map(rows.map((row) => [row.name, row.i]));
    const ofBlocks = d3.rollup(rows, (of) => [of[0].i, of[of.length - 1].i], (row) => row.block);
    const { groups, colour } = grouping(run);
    const units = records.unit.map((unit, k) => {
      const single = places.get(unit);
      const [first, last] = single === undefined ? ofBlocks.get(unit) ?? [null, null] : [single, single];
      return { unit, first, last, bits: records.bits[k], kl: records.kl?.[k] ?? null, error: records.kl_standard_error?.[k] ?? null };
    }).filter((row) => row.bits === choice.bits);
    const placed = units.filter((row) => row.first !== null && comq.isNumber(row.kl));
    const middle = (row) => (row.first + row.last) / 2;
    const draw = (width) => comq.plot({
      width, height: 260, marginBottom: 78,
      x: { domain: [-0.7, rows.length - 0.3], axis: null },
      y: { label: "KL with that alone quantized (nat)", nice: true, zero: true, axis: null },
      marks: [
        ...comq.axisY(5, comq.digits), ...axisOf(rows, width),
        Plot.rectY(placed, { x1: (row) => row.first - 0.36, x2: (row) => row.last + 0.36, y: "kl", fill: (row) => colour(groups[row.first]), rx: 1 }),
        Plot.ruleX(placed.filter((row) => comq.isNumber(row.error)), { x: middle, y1: (row) => Math.max(row.kl - row.error, 0), y2: (row) => row.kl + row.error, stroke: "var(--ink)", strokeOpacity: 0.7 }),
        Plot.ruleY([0], { stroke: "var(--strong-line)" }),
        Plot.tip(placed, Plot.pointerX({ x: middle, y: "kl", title: (row) => `${row.unit}\nKL ${comq.digits(row.kl)} ± ${comq.digits(row.error)} nat at ${row.bits} bits`, ...comq.tip })),
      ],
    });
    const most = d3.greatest(placed, (row) => row.kl);
    return comq.card(comq.chart({
      title: `Sensitivity at ${choice.bits} bits`,
      caption: "How far the predictions on the held-out images move when one layer alone is quantized and the rest stays as it is.",
      description: `Sensitivity of ${placed.length} layers at ${choice.bits} bits.${most ? ` Largest: ${most.unit} with ${comq.digits(most.kl)} nat.` : ""} The data table has all values.`,
      draw,
      selected: (row) => comq.chooseLayer(row.first),
      table: comq.table(`Sensitivity at ${choice.bits} bits`, [
        { name: "layer or block", text: true, cell: (row) => row.unit, value: (row) => row.first },
        { name: "KL, nat", cell: (row) => comq.digits(row.kl), value: (row) => row.kl },
        { name: "standard error", cell: (row) => comq.digits(row.error), value: (row) => row.error },
      ], units),
    }));
  };

  section.render = () => {
    const run = comq.chosenRun();
    if (!run.layers.name?.length) {
      section.content.replaceChildren(runControl(), comq.element("p", { class: "note" }, "This run quantized no weights."));
      return;
    }
    const kinds = new Set(run.layers.name.map((_, i) => kindOf(run, i)));
    choice.colour ??= kinds.size > 1 ? "kind" : "role";
    const rows = rowsOf(run);
    const widths = [...new Set(run.sensitivities.bits ?? [])].sort((a, b) => a - b);
    const others = comq.page.runs.filter((other) => other.network === run.network && other !== run);
    if (comq.state.beside !== "rtn" && !others.includes(comq.page.runs[comq.state.beside])) comq.state.beside = "rtn";
    const controls = runControl();
    controls.append(
      comq.choice("Beside it", [["rtn", "round-to-nearest"], ...others.map((other) => [other.index, other.label])], comq.state.beside, (value) => { comq.state.beside = value === "rtn" ? value : Number(value); section.render(); }),
      comq.choice("Colour", [["kind", "by kind"], ["role", "by place in the block"], ["block", "by block"]], choice.colour, (value) => { choice.colour = value; section.render(); }),
      comq.choice("Scale", [["log", "logarithmic"], ["linear", "linear"]], choice.log ? "log" : "linear", (value) => { choice.log = value === "log"; section.render(); }));
    if (widths.length > 1) controls.append(comq.choice("Sensitivity at", widths.map((bits) => [bits, `${bits} bits`]), choice.bits, (value) => { choice.bits = Number(value); section.render(); }));
    const sensitivity = sensitivityChart(run, rows);
    section.content.replaceChildren(controls, errorChart(run, rows), ...(sensitivity ? [sensitivity] : []));
  };

  /** Which run the sections below are about. */
  const runControl = () => comq.element("div", { class: "controls" }, comq.runChoice());
  comq.runChoice = () => comq.choice("Run", comq.page.runs.map((run) => [run.index, run.label]), comq.state.run, (value) => comq.chooseRun(Number(value)));
  comq.layers = section;
})();
