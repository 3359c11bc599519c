/**
 * A table. On narrow screens CSS makes a card of each row. The roles are written out, because browsers take them from
 * elements that are no longer displayed as a table.
 */

import { h, unseen } from "./elements.js";

/**
 * @typedef {object} ColumnOfTable
 * @property {string} label
 * @property {(row: any) => Node | string} cell
 * @property {string} [sort] The name by which the server sorts.
 * @property {string} [kind] "main" names the row, "long" has words of any length, "acts" has buttons.
 */

/**
 * @param {object} options
 * @param {string} options.caption For screen readers.
 * @param {ColumnOfTable[]} options.columns
 * @param {(sort: string) => void} [options.onSort] Gets the name, with "-" in front for the opposite order.
 * @returns {{ element: Element, show: (rows: any[], sort?: string) => void }}
 */
export function dataTable({ caption, columns, onSort }) {
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map((column) => head(column, (sort) => onSort(sort)));
  const element = h(
    "table",
    { role: "table" },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads.map(({ element }) => element))),
    body,
  );
  const show = (rows, sort) => {
    for (const each of heads) each.mark(sort);
    body.replaceChildren(...rows.map((row) => line(columns, row)));
  };
  return { element, show };
}

/** A header, which is a button if the server can sort by it. */
function head({ label, sort, kind }, choose) {
  if (!sort) {
    const words = kind === "acts" ? unseen(label) : label;
    return { element: h("th", { role: "columnheader", scope: "col", class: kind }, words), mark: () => {} };
  }
  let present;
  const button = h("button", { type: "button", class: "sort", click: () => choose(next(present, sort)) }, label);
  const element = h("th", { role: "columnheader", scope: "col", class: kind }, button);
  const mark = (now) => {
    present = now;
    const order = now === sort ? "ascending" : now === `-${sort}` ? "descending" : "none";
    element.setAttribute("aria-sort", order);
  };
  return { element, mark };
}

/** Names begin with the first, times with the last. */
function next(present, sort) {
  if (present === sort) return `-${sort}`;
  if (present === `-${sort}`) return sort;
  return sort.endsWith("At") ? `-${sort}` : sort;
}

function line(columns, row) {
  const cells = columns.map(({ label, cell, kind }) => {
    const content = cell(row);
    const children = Array.isArray(content) ? content : [content];
    const main = kind === "main";
    const element = h(main ? "th" : "td", { role: main ? "rowheader" : "cell", class: kind }, ...children);
    if (main) element.scope = "row";
    else if (kind !== "acts") element.dataset.label = label;
    return element;
  });
  const element = h("tr", { role: "row" }, ...cells);
  const link = element.querySelector("th.main a");
  if (link) {
    element.classList.add("opens");
    element.addEventListener("click", (event) => {
      // A mouse may hit the row anywhere. Text that was just selected stays selected.
      if (!event.target.closest("a, button, summary, input, pre") && getSelection()?.isCollapsed) link.click();
    });
  }
  return element;
}
