// Accuracy and size of every run: tiles of a single one, the table, and what the bits buy.
"use strict";

(() => {
  const section = comq.section("overview", "Accuracy and size",
    "Top-1 with its standard error over the evaluation images, the divergence KL(full precision ‖ quantized) of the predictions, and what the weights take.");
  const choice = { x: "bits", y: null };

  const sizes = {
    bits: { name: "bits per weight, scales included", value: (run) => run.figure("average_bits_with_scales"), text: (v) => comq.decimals(v, 2) },
    size: { name: "size of the network (MB)", value: (run) => (run.quantized_bytes === null ? null : run.quantized_bytes / 1e6), text: (v) => comq.decimals(v, 2) },
  };

  /** The figures that a picture can have for its height: measured by some run. */
  const measures = () => comq.page.figures.filter((figure) => ["top1", "top5", "agreement", "kl", "kl_95"].includes(figure.name.split("@")[0])
    && comq.page.runs.some((run) => comq.isNumber(run.figure(figure.name))));

  const nameOf = (figure) => {
    const [name, set] = figure.name.split("@");
    const words = { top1: "Top-1 (%)", top5: "Top-5 (%)", agreement: "agreement (%)", kl: "mean KL (nat)", kl_95: "95% quantile of KL (nat)" };
    return words[name] + (set ? ` on ${set}` : "");
  };

  /** Runs that no smaller or equal one beats. */
  const frontier = (points, higher) => {
    const sign = higher ? 1 : -1;
    let best = -Infinity;
    return [...points].sort((a, b) => a.x - b.x || sign * (b.y - a.y)).filter((point) => {
      if (sign * point.y <= best) return false;
      best = sign * point.y;
      return true;
    });
  };

  /** Around sizes that are all the same, which alone would be no axis; else undefined. */
  const sizeDomain = (points) => {
    const [low, high] = d3.extent(points, (point) => point.x);
    return points.length > 0 && low === high ? [0.9 * low, 1.1 * high] : undefined;
  };

  const panel = (network, runs) => {
    const figure = comq.figure(choice.y);
    const size = sizes[choice.x];
    const points = runs.map((run) => ({
      run, x: size.value(run), y: run.figure(figure.name), error: run.error(figure.name),
    })).filter((point) => comq.isNumber(point.x) && comq.isNumber(point.y));
    const set = figure.name.includes("@") ? null : runs[0];
    const full = set && figure.name === "top1" ? d3.max(runs, (run) => run.figure("full_precision_top1")) : null;
    const log = figure.unit === "nat" && points.every((point) => point.y > 0);
    const bars = points.filter((point) => comq.isNumber(point.error));
    const ends = (point) => [Math.max(point.y - point.error, log ? point.y / 10 : -Infinity), point.y + point.error];
    const text = (point) => `${point.run.label}\n${nameOf(figure)}: ${comq.digits(point.y)}${comq.isNumber(point.error) ? ` ± ${comq.digits(point.error)}` : ""}\n${size.name}: ${size.text(point.x)}`;
    const front = frontier(points, figure.higher_is_better);
    const domain = log ? comq.logDomain(points.flatMap((point) => [point.y, ...(comq.isNumber(point.error) ? ends(point) : [])])) : undefined;
    const draw = (width) => comq.plot({
      width, height: 320, marginRight: 48,
      x: { label: size.name, domain: sizeDomain(points), nice: true, inset: 12, axis: null },
      y: { label: nameOf(figure), type: log ? "log" : "linear", domain, nice: !log, inset: log ? 0 : 10, axis: null },
      marks: [
        ...comq.axisY(log ? comq.logTicks(domain) : 6, log ? comq.digits : undefined), comq.axisX({ label: size.name }),
        comq.isNumber(full) ? Plot.ruleY([full], { stroke: "var(--quiet)", strokeDasharray: "2,3" }) : null,
        comq.isNumber(full) ? Plot.text([full], { y: (v) => v, frameAnchor: "left", text: (v) => `full precision ${comq.decimals(v, 1)}`, textAnchor: "start", dx: 4, dy: -8, fill: "var(--quiet)" }) : null,
        Plot.line(front, { x: "x", y: "y", stroke: "var(--strong-line)", strokeWidth: 1.5 }),
        Plot.ruleX(bars, { x: "x", y1: (p) => ends(p)[0], y2: (p) => ends(p)[1], stroke: (p) => comq.colourOf(p.run), strokeWidth: 1.5, strokeOpacity: 0.7 }),
        Plot.dot(points, { x: "x", y: "y", symbol: (p) => comq.symbolOf(p.run), fill: (p) => comq.colourOf(p.run), stroke: "var(--card)", strokeWidth: 1, r: 5.5 }),
        front.length <= 12 ? Plot.text(front, { x: "x", y: "y", text: (p) => comq.restOf(p.run), dx: 9, textAnchor: "start", fill: "var(--quiet)", stroke: "var(--card)", strokeWidth: 3, fontSize: 11 }) : null,
        Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: text, ...comq.tip })),
      ],
      symbol: { type: "identity" },
    });
    const best = points.length ? points.reduce((a, b) => ((b.y > a.y) === figure.higher_is_better ? b : a)) : null;
    return comq.card(comq.chart({
      title: network,
      legend: comq.legend([...new Map(runs.map((run) => [comq.seriesOf(run), run])).values()].map((run) => [comq.mark(run), comq.seriesOf(run)])
        .concat([[comq.lineMark("var(--strong-line)"), "nothing smaller is better"]])),
      description: `${network}: ${nameOf(figure)} against ${size.name} of ${points.length} runs.${best ? ` Best: ${best.run.label} with ${comq.digits(best.y)}.` : ""} The data table has all values.`,
      draw,
      selected: (point) => comq.chooseRun(point.run.index),
      table: comq.table(`${network}: ${nameOf(figure)} by ${size.name}`, [
        { name: "run", text: true, cell: (p) => p.run.label, value: (p) => p.run.label },
        { name: size.name, cell: (p) => size.text(p.x), value: (p) => p.x },
        { name: nameOf(figure), cell: (p) => comq.digits(p.y), value: (p) => p.y },
        { name: "standard error", cell: (p) => comq.digits(p.error), value: (p) => p.error },
      ], points),
    }));
  };

  const withError = (run, name, show) => {
    const value = run.figure(name);
    if (!comq.isNumber(value)) return "–";
    const error = run.error(name);
    return comq.element("span", {}, show(value), comq.isNumber(error) ? comq.element("span", { class: "error" }, ` ± ${show(error)}`) : "");
  };

  const lost = (run) => {
    const [before, after] = [run.figure("full_precision_top1"), run.figure("top1")];
    return comq.isNumber(before) && comq.isNumber(after) ? after - before : null;
  };

  const tableOf = (runs) => {
    const fixed = (digits) => (value) => comq.decimals(value, digits);
    const column = (name, of, show, more = {}) => ({ name, value: of, cell: (run) => show(of(run)), ...more });
    const measured = (name, heading, show) => ({ name: heading, title: comq.figure(name).description, value: (run) => run.figure(name), cell: (run) => withError(run, name, show) });
    const columns = [
      { name: "run", text: true, value: (run) => run.label, cell: (run) => comq.element("span", {}, comq.mark(run), comq.element("a", { href: "#layers", onclick: () => comq.chooseRun(run.index) }, run.label)) },
      measured("top1", "Top-1 %", fixed(2)),
      column("points lost", (run) => (lost(run) === null ? null : -lost(run)), (value) => comq.element("span", { class: value > 0 ? "bad" : "good" }, comq.decimals(value, 2)), { title: "Top-1 of the full-precision network minus that of the quantized one" }),
      measured("agreement", "agreement %", fixed(1)),
      measured("kl", "KL, nat", comq.digits),
      column("bits", (run) => run.figure("average_bits_with_scales"), fixed(2), { title: comq.figure("average_bits_with_scales").description }),
      column("size", (run) => run.quantized_bytes, comq.bytes),
      column("of float", (run) => (run.quantized_bytes === null ? null : 100 * run.quantized_bytes / run.float_bytes), (value) => `${comq.decimals(value, 1)}%`),
      column("time", (run) => run.figure("seconds"), comq.seconds),
      { name: "uses", text: true, cell: (run) => [run.uses_labels ? "labels" : null, run.uses_gradients ? "gradients" : null].filter(Boolean).join(", ") || "–", title: "what beside unlabelled images the run used" },
    ];
    return comq.table("Every run; a heading sorts, a name shows the layers of the run", columns.filter((c) => c.name === "run" || (c.value ? runs.some((run) => comq.isNumber(c.value(run))) : runs.some((run) => run.uses_labels || run.uses_gradients))), runs);
  };

  const tiles = (run) => {
    const tile = (name, value, small) => comq.element("div", { class: "tile" }, comq.element("dt", {}, name), comq.element("dd", {}, value, comq.element("small", {}, small)));
    const plus = (name, digits) => (comq.isNumber(run.error(name)) ? `± ${comq.decimals(run.error(name), digits)}` : "");
    return comq.element("dl", { class: "tiles" },
      tile("Top-1", `${comq.decimals(run.figure("top1"), 2)}%`, `${plus("top1", 2)}; full precision ${comq.decimals(run.figure("full_precision_top1"), 2)}%`),
      tile("same prediction", `${comq.decimals(run.figure("agreement"), 1)}%`, `of the images ${plus("agreement", 1)}`),
      tile("mean KL", `${comq.digits(run.figure("kl"))} nat`, comq.isNumber(run.error("kl")) ? `± ${comq.digits(run.error("kl"))}` : ""),
      tile("size", comq.bytes(run.quantized_bytes), `instead of ${comq.bytes(run.float_bytes)}, ${comq.decimals(run.figure("average_bits_with_scales"), 2)} bits a weight`));
  };

  const unfinished = () => (comq.page.unfinished.length === 0 ? null : comq.card(
    comq.element("h3", {}, "Not finished when this page was made"),
    comq.table("Runs without a result", [
      { name: "run", text: true, cell: (run) => run.name, value: (run) => run.name },
      { name: "state", text: true, cell: (run) => run.state, value: (run) => run.state },
      { name: "detail", text: true, wrap: true, cell: (run) => run.detail || "–" },
    ], comq.page.unfinished)));

  section.render = () => {
    const runs = comq.shownRuns();
    const list = measures();
    if (!list.some((figure) => figure.name === choice.y)) choice.y = (list.find((figure) => figure.name === "top1") ?? list[0])?.name ?? null;
    const children = [];
    if (runs.length === 1) children.push(tiles(runs[0]));
    if (runs.length > 1 && choice.y) {
      children.push(comq.element("div", { class: "controls" },
        comq.choice("Vertical", list.map((figure) => [figure.name, nameOf(figure)]), choice.y, (value) => { choice.y = value; section.render(); }),
        comq.choice("Horizontal", Object.entries(sizes).map(([key, size]) => [key, size.name]), choice.x, (value) => { choice.x = value; section.render(); })));
      children.push(comq.element("div", { class: "panels" }, comq.networks(runs).map(([network, of]) => panel(network, of))));
    }
    const whole = unfinished();
    section.content.replaceChildren(...children, comq.card(tableOf(runs)), ...(whole ? [whole] : []));
  };
  comq.overview = section;
})();
