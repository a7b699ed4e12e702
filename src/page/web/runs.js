// The document of the page, which runs of it are shown, and how they are told apart.
"use strict";

comq.page = JSON.parse(document.getElementById("document").textContent);

comq.state = {
  hidden: comq.page.dimensions.map(() => new Set()), // values of each dimension that are not shown
  run: 0, // whose layers, images and origin are shown
  beside: "rtn", // what its layers are compared with: "rtn" or the index of a run
  layer: 0,
  set: 0,
};

comq.page.runs.forEach((run, index) => {
  run.index = index;
  run.figure = (name) => (run.figures[name] ? run.figures[name][0] : null);
  run.error = (name) => (run.figures[name] ? run.figures[name][1] : null);
});

comq.figure = (name) => comq.page.figures.find((figure) => figure.name === name);

comq.shownRuns = () => comq.page.runs.filter((run) =>
  run.dimensions.every((value, i) => !comq.state.hidden[i].has(value)));

comq.chosenRun = () => comq.page.runs[comq.state.run];

/** Runs that are shown, by network, in the order of the page. */
comq.networks = (runs) => [...d3.group(runs, (run) => run.network || "network")];

/** Values of a dimension in the order in which people count. */
comq.valuesOf = (dimension) => [...new Set(comq.page.runs.map((run) => run.dimensions[dimension]))]
  .sort((a, b) => (isNaN(a) || isNaN(b) ? 0 : a - b));

const networkKey = "model.name";
const bitsKey = "quantization.bits";

/** What colours tell apart: the method where it varies, else what varies beside network and bits. */
comq.colourDimension = (() => {
  const keys = comq.page.dimensions.map((dimension) => dimension.key);
  const method = keys.indexOf("quantization.method");
  if (method >= 0) return method;
  const other = keys.findIndex((key) => key !== networkKey && key !== bitsKey);
  return other >= 0 ? other : keys.indexOf(bitsKey);
})();

const symbols = ["circle", "square", "triangle", "diamond", "wye", "star", "cross", "hexagon"];
comq.seriesColour = (index) => `var(--series-${(index % 8) + 1})`;

comq.seriesOf = (run) => (comq.colourDimension < 0 ? run.label : run.dimensions[comq.colourDimension]);
comq.allSeries = comq.colourDimension < 0
  ? comq.page.runs.map((run) => run.label)
  : comq.valuesOf(comq.colourDimension);
comq.colourOf = (run) => comq.seriesColour(comq.allSeries.indexOf(comq.seriesOf(run)));
comq.symbolOf = (run) => symbols[comq.allSeries.indexOf(comq.seriesOf(run)) % symbols.length];

/** What a run is called where its network and its colour are known: the values of the rest. */
comq.restOf = (run) => comq.page.dimensions
  .map((dimension, i) => ({ dimension, i }))
  .filter(({ dimension, i }) => dimension.key !== networkKey && i !== comq.colourDimension)
  .map(({ dimension, i }) => (dimension.key === bitsKey ? `${run.dimensions[i]} bits` : `${dimension.name}=${run.dimensions[i]}`))
  .join(" ");

/** The name of a class of a run, or its number. */
comq.className = (run, index) => (index < 0 ? "none" : run.classes[index] ?? `class ${index}`);

/** A small mark in the colour and shape of a run. */
comq.mark = (run) => comq.symbolMark(comq.symbolOf(run), comq.colourOf(run));
const symbolTypes = { circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle, diamond: d3.symbolDiamond, wye: d3.symbolWye, star: d3.symbolStar, cross: d3.symbolCross };
comq.symbolMark = (symbol, colour) => {
  const svg = d3.create("svg").attr("class", "mark").attr("width", 12).attr("height", 12).attr("viewBox", "-6 -6 12 12").attr("aria-hidden", "true");
  svg.append("path").attr("d", d3.symbol(symbolTypes[symbol] ?? d3.symbolDiamond2, 56)()).attr("fill", colour);
  return svg.node();
};
