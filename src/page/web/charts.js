// Charts as figures: a caption, the drawing with a description for screen readers, the table behind it.
"use strict";

/** Everything that every chart has; sizes are those of the text around it. */
comq.plot = (options) => Plot.plot({
  style: { background: "transparent", fontSize: "12px", fontFamily: "inherit", color: "var(--ink)" },
  height: 300,
  marginTop: 28,
  marginLeft: 56,
  marginBottom: 44,
  ...options,
});

/** Around these values on a logarithmic scale, with some air. */
comq.logDomain = (values) => [d3.min(values) / 1.25, d3.max(values) * 1.25];

/** Powers of ten within a domain, and 2 and 5 times them where those are few. */
comq.logTicks = ([low, high]) => {
  const decades = Math.log10(high / low);
  const steps = decades > 3.5 ? [1] : decades > 1.2 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  return d3.range(Math.floor(Math.log10(low)), Math.log10(high))
    .flatMap((power) => steps.map((step) => Number(`${step}e${power}`)))
    .filter((tick) => tick >= low && tick <= high);
};

/**
 * A vertical axis with faint lines; `ticks` are a number of them, or their places. As `text` and not
 * as `tickFormat`, which a logarithmic scale asks for some of its ticks only.
 */
comq.axisY = (ticks = 5, text = (value) => String(value)) => [
  Plot.gridY({ stroke: "var(--line)", strokeOpacity: 1, ticks }),
  Plot.axisY({ ticks, tickSize: 0, tickPadding: 8, text: (value) => text(value), fill: "var(--quiet)", labelArrow: "none", labelOffset: 48 }),
];

/** A horizontal axis. */
comq.axisX = (options = {}) => Plot.axisX({ tickSize: 0, tickPadding: 8, fill: "var(--quiet)", labelAnchor: "center", labelArrow: "none", ticks: 6, ...options });

/** The tip that follows the pointer. */
comq.tip = { fill: "var(--card)", stroke: "var(--strong-line)", fontSize: 12, lineHeight: 1.3 };

/** A legend of [mark or colour, text] pairs. */
comq.legend = (entries) => comq.element("ul", { class: "legend" }, entries.map(([mark, text]) =>
  comq.element("li", {}, typeof mark === "string" ? comq.symbolMark("square", mark) : mark, text)));

/** A short line, solid or dashed, for a legend. */
comq.lineMark = (colour, dash = null) => {
  const svg = d3.create("svg").attr("width", 18).attr("height", 12).attr("aria-hidden", "true");
  svg.append("line").attr("x1", 0).attr("x2", 18).attr("y1", 6).attr("y2", 6).attr("stroke", colour)
    .attr("stroke-width", 2).attr("stroke-dasharray", dash);
  return svg.node();
};

/**
 * A chart that is drawn as wide as its card and again when that changes. `draw(width)` returns an
 * SVG; `description` is read out instead of it; `table` is shown on demand, and in print.
 */
comq.chart = ({ title, caption, description, legend, draw, table, selected }) => {
  const place = comq.element("div", {});
  const figure = comq.element("figure", {},
    title ? comq.element("h3", {}, title) : null,
    caption ? comq.element("figcaption", {}, caption) : null,
    legend ?? null, place,
    table ? comq.element("details", { class: "data" }, comq.element("summary", {}, "Data table"), table) : null);
  let drawn = 0;
  const render = () => {
    const width = Math.floor(figure.clientWidth);
    if (width < 40 || width === drawn) return;
    drawn = width;
    const svg = draw(width);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", description);
    if (selected) svg.addEventListener("click", () => svg.value && selected(svg.value));
    place.replaceChildren(svg);
  };
  new ResizeObserver(render).observe(figure);
  return figure;
};

comq.card = (...children) => comq.element("div", { class: "card" }, ...children);

/** A heading, a sentence and what is below them. */
comq.section = (id, title, lead) => {
  const content = comq.element("div", {});
  const section = comq.element("section", { id, "aria-labelledby": `${id}-title` },
    comq.element("h2", { id: `${id}-title` }, title),
    lead ? comq.element("p", { class: "lead" }, lead) : null, content);
  return { id, title, section, content };
};
