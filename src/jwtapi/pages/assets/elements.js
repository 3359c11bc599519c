/** Makes elements. No text ever becomes markup. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] Functions listen to events, `class` and names with a dash are attributes,
 *   all others are properties of the element. Those that are undefined are left out.
 * @param {...(Node | string | null | undefined | false)} children
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let made = 0;

/** An id that no other element has. */
export const newId = () => `e${++made}`;

/** A section with a heading. */
export const card = (heading, ...children) => part(undefined, heading, ...children);

/** A section with a heading, and with an id by which the focus finds it again after a change. */
export function part(id, heading, ...children) {
  const title = newId();
  return h("section", { class: "card", id, "aria-labelledby": title }, h("h2", { id: title }, heading), ...children);
}

/** What is hidden until somebody wants it. */
export const more = (summary, ...content) => h("details", {}, h("summary", {}, summary), ...content);

export const paragraph = (text, kind) => h("p", { class: kind }, text);

/** Text that only screen readers read. */
export const unseen = (text) => h("span", { class: "unseen" }, text);

export const badge = (text, kind = "") => h("span", { class: `badge ${kind}`.trim() }, text);

export const moment = (when, text) => h("time", { dateTime: when }, text);
