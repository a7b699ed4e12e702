// What all sections share: elements, numbers as text, tables.
"use strict";

const comq = {};

/** An element with attributes and children; texts become text nodes, so nothing in them is markup. */
comq.element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
};

comq.isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with so many digits behind the point; "–" where nothing was measured. */
comq.decimals = (value, digits) => (comq.isNumber(value) ? value.toFixed(digits) : "–");

/** A number with three significant digits: errors and divergences span orders of magnitude. */
comq.digits = (value) => {
  if (!comq.isNumber(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e5 ? String(Number(value.toPrecision(3))) : Number(value.toPrecision(3)).toExponential();
};

comq.bytes = (value) => {
  if (!comq.isNumber(value)) return "–";
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), units.length - 1);
  return `${(value / 1000 ** power).toFixed(power > 0 ? 2 : 0)} ${units[power]}`;
};

comq.seconds = (value) => {
  if (!comq.isNumber(value)) return "–";
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${String(Math.round(value % 60)).padStart(2, "0")} s`;
  return `${Math.floor(value / 3600)} h ${String(Math.round((value % 3600) / 60)).padStart(2, "0")} min`;
};

/**
 * A table of rows. A column has `name`, `cell(row)` (a text or an element) and perhaps `text` (left
 * aligned), `value(row)` to sort by, `title`. Clicking a heading sorts by it.
 */
comq.table = (caption, columns, rows) => {
  let order = { column: null, down: true };
  const body = comq.element("tbody");
  const headings = columns.map((column) => {
    const heading = comq.element("th", { scope: "col", class: column.text ? "text" : null, title: column.title });
    if (!column.value) {
      heading.append(column.name);
      return heading;
    }
    heading.append(comq.element("button", { type: "button", onclick: () => sortBy(column) }, column.name));
    return heading;
  });
  const fill = () => {
    const sorted = [...rows];
    if (order.column) {
      const sign = order.down ? -1 : 1;
      const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
      sorted.sort((a, b) => {
        const [x, y] = [order.column.value(a), order.column.value(b)];
        if (!known(x) || !known(y)) return Number(!known(x)) - Number(!known(y));
        return sign * (x < y ? -1 : x > y ? 1 : 0);
      });
    }
    body.replaceChildren(...sorted.map((row) => comq.element("tr", {}, columns.map((column, i) =>
      comq.element(i === 0 ? "th" : "td", {
        scope: i === 0 ? "row" : null,
        class: [column.text ? "text" : "", column.wrap ? "wrap" : ""].join(" ").trim() || null,
      }, column.cell(row) ?? "–")))));
    headings.forEach((heading, i) => {
      if (columns[i] === order.column) heading.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  };
  const sortBy = (column) => {
    order = { column, down: order.column === column ? !order.down : true };
    fill();
  };
  fill();
  return comq.element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    comq.element("table", {}, comq.element("caption", {}, caption),
      comq.element("thead", {}, comq.element("tr", {}, headings)), body));
};

/** A labelled select of [value, text] pairs. */
comq.choice = (label, options, chosen, changed) => comq.element("label", {}, label,
  comq.element("select", { onchange: (event) => changed(event.target.value) },
    options.map(([value, text]) => comq.element("option", { value, selected: String(value) === String(chosen) }, text))));

/** A check box that looks like a pill. */
comq.chip = (text, checked, changed) => comq.element("label", { class: "chip" },
  comq.element("input", { type: "checkbox", checked, onchange: (event) => changed(event.target.checked) }),
  comq.element("span", {}, text));
