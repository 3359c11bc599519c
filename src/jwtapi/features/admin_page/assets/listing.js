/**
 * A list with filters, an order and pages. Its state is in the query of the address, so that a reload, "back" and a
 * bookmark lead to the same rows. The server gives only the cursor of the next page; those of the pages before are in the
 * state of the history.
 */

import { ApiError } from "../client.js";
import { dataTable } from "./data-table.js";
import { h } from "./elements.js";
import { addressOf, amend, currentView } from "./navigation.js";
import { explain, words } from "./admin-words.js";

const text = words.list;
/** How long a filter waits for the next letter. */
const PAUSE = 250;

/**
 * @typedef {object} Filter
 * @property {import("./fields.js").Field} field Its name is that of the query.
 * @property {boolean} [live] Filter while the user types, not only after.
 */

/**
 * @param {any} page
 * @param {object} options
 * @param {string} options.path Of the API.
 * @param {string} options.member What the answer has: rows under this name, and `next`.
 * @param {string} options.caption
 * @param {(count: number, more: boolean) => string} options.count Tells how many rows there are.
 * @param {string} options.none Said if there are no rows at all.
 * @param {import("./data-table.js").ColumnOfTable[]} options.columns
 * @param {Filter[]} [options.filters]
 * @param {string} [options.sort] The order of the server, if it has several.
 * @param {(query: URLSearchParams) => Element[]} [options.tools] What else can be done with the filtered rows.
 * @returns {Promise<Element[]>}
 */
export async function listing(page, options) {
  const { path, member, caption, count, none, columns, filters = [], sort, tools = () => [] } = options;
  const view = currentView();
  let query = new URLSearchParams(location.search);
  /** The cursors of the pages before this one. The first page has the cursor "". */
  let trail = history.state?.trail ?? [];
  let asked = 0;

  const status = h("p", { class: "count", role: "status", tabIndex: -1 });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const pager = h("div", { class: "pager" });
  const table = dataTable({ caption, columns, onSort: (order) => change({ sort: order }) });
  const region = h("div", { class: "rows" }, table.element);
  const extra = h("div", { class: "tools" });

  const load = () => page.client.request("GET", query.size ? `${path}?${query}` : path);

  /** Show an answer. */
  function show(answer) {
    const rows = answer[member];
    const filtered = filters.some(({ field }) => query.get(field.name));
    table.show(rows, query.get("sort") ?? sort);
    table.element.hidden = rows.length === 0;
    // The heading would be far from the rows. A row that the user comes back to is the better place.
    status.autofocus = Boolean(history.state?.turned) && !table.element.querySelector("[autofocus]");
    const onPage = query.has("after") && trail.length > 0 ? `${text.page(trail.length + 1)}: ` : "";
    const missing = answer.next ? text.noMatchYet : query.has("after") ? text.noMore : filtered ? text.noMatch : none;
    const found = rows.length > 0 ? count(rows.length, Boolean(answer.next)) : missing;
    status.textContent = onPage + found;
    pager.replaceChildren(...turns(answer.next));
    extra.replaceChildren(...tools(query));
    problem.hidden = true;
  }

  /** Load the rows for the query. Only the last answer counts. */
  async function refresh() {
    const own = ++asked;
    region.setAttribute("aria-busy", "true");
    for (const { field } of filters) field.complain("");
    try {
      const answer = await load();
      if (own === asked) show(answer);
    } catch (error) {
      if (own !== asked) return;
      if (error instanceof ApiError && error.code === "role_required") return page.again();
      report(error);
    } finally {
      if (own === asked) region.removeAttribute("aria-busy");
    }
  }

  function report(error) {
    const wrong = filters.filter(({ field }) => error.fields?.[field.name]);
    for (const { field } of wrong) field.complain(error.fields[field.name]);
    problem.textContent = wrong.length > 0 ? "" : explain(error);
    problem.hidden = wrong.length > 0;
    wrong[0]?.field.input.focus();
  }

  /** Change the query, and begin with the first page. */
  function change(values) {
    if (!region.isConnected || currentView() !== view) return null; // the user has gone on, and the address is another's
    for (const [name, value] of Object.entries(values)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    query.delete("after");
    trail = [];
    amend(query.size ? `?${query}` : "", { trail });
    return refresh();
  }

  /** Links to the next page and the one before. They are links, so each page can be opened in another tab. */
  function turns(next) {
    const after = query.get("after");
    const to = (label, cursor, before, rel) => {
      const target = new URLSearchParams(query);
      if (cursor) target.set("after", cursor);
      else target.delete("after");
      const link = h("a", { class: "button", href: addressOf(target.size ? `${view}?${target}` : view), rel }, label);
      link.state = { trail: before, turned: true };
      return link;
    };
    return [
      after && trail.length !== 1 && to(text.first, "", [], "first"),
      after && trail.length > 0 && to(text.previous, trail.at(-1), trail.slice(0, -1), "prev"),
      next && to(text.next, next, [...trail, after ?? ""], "next"),
    ].filter(Boolean);
  }

  for (const { field, live } of filters) {
    let waiting = 0;
    const apply = () => {
      clearTimeout(waiting);
      const wrong = field.check();
      const value = String(field.value()).trim();
      if (wrong) field.complain(wrong);
      else if (value !== (query.get(field.name) ?? "")) change({ [field.name]: value });
    };
    field.input.addEventListener("change", apply);
    if (live) {
      field.input.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(apply, PAUSE);
      });
    }
    field.input.addEventListener("keydown", (event) => event.key === "Enter" && apply());
  }

  const reset = h("button", { type: "reset", class: "quiet" }, text.reset);
  const bar =
    filters.length > 0 &&
    h(
      "form",
      {
        class: "filters",
        role: "search",
        "aria-label": text.filters,
        submit: (event) => event.preventDefault(),
        reset: (event) => {
          event.preventDefault();
          for (const { field } of filters) field.input.value = "";
          filters[0].field.input.focus();
          change(Object.fromEntries(filters.map(({ field }) => [field.name, ""])));
        },
      },
      ...filters.map(({ field }) => field.element),
      reset,
    );
  try {
    show(await load());
  } catch (error) {
    // A filter or a cursor of the address is wrong. The filters stay, so that the user can correct it.
    if (!(error instanceof ApiError && error.status === 400)) throw error;
    report(error);
    table.element.hidden = true;
  }
  const list = h("section", { class: "card list", "aria-label": caption }, status, problem, region, pager);
  return [bar, extra, list].filter(Boolean);
}
