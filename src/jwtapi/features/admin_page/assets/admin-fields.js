/** The fields that only the admin page has. */

import { h, newId } from "./elements.js";
import { EXACT, field } from "./fields.js";
import { faultOf } from "./json-fault.js";
import { words } from "./admin-words.js";

const text = words.adminFields;

/** A text that may be left out. */
export const line = (name, label, options = {}) =>
  field(name, label, { ...EXACT, autocomplete: "off", required: false, ...options });

/** One of some values. `options` are pairs of a value and its words. */
export const choice = (name, label, options, value = "", more = {}) =>
  field(name, label, {
    tag: "select",
    required: false,
    children: options.map(([each, words]) => h("option", { value: each, selected: each === value }, words)),
    ...more,
  });

/** Offer values for a field, besides which anything can be typed. */
export function offering(field, values) {
  const id = newId();
  field.input.setAttribute("list", id);
  field.element.append(h("datalist", { id }, ...values.map((value) => h("option", { value }))));
  return field;
}

export const roles = (value = "") =>
  line("roles", text.roles, { hint: text.rolesHint, value, maxLength: 1024, codes: ["roles_invalid"] });

/** The roles in a text, each once. */
export const rolesIn = (text) => [...new Set(text.split(",").map((role) => role.trim()))].filter(Boolean);

/** A JSON object. */
export const json = (name, label, value) =>
  field(name, label, {
    ...EXACT,
    tag: "textarea",
    rows: Math.min(16, Math.max(4, value.split("\n").length + 1)),
    value,
    maxLength: 16384,
    hint: text.jsonHint,
    class: "code",
    wrong: ({ value }) => wrongWith(value),
  });

/** What is wrong with a text that should be a JSON object, or "". */
function wrongWith(value) {
  try {
    const parsed = JSON.parse(value);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) ? "" : text.notAnObject;
  } catch {
    return text.notJson(...faultOf(value));
  }
}

/**
 * A point in time, in the zone of the browser. Its value is RFC 3339 in UTC, or "". What is typed in part has the value ""
 * too, and must not be taken for nothing.
 */
export function instant(name, label, value = "") {
  const own = line(name, label, { type: "datetime-local", max: LATEST, value: value && local(new Date(value)) });
  const { input } = own;
  return {
    ...own,
    value: () => (input.value && input.validity.valid ? new Date(input.value).toISOString() : ""),
    check: () => (input.validity.valid ? "" : text.notATime),
  };
}

/** RFC 3339 has years of four digits. */
const LATEST = "9999-12-31T23:59";

/** What `datetime-local` reads: the time of the clock on the wall, without a zone. */
function local(date) {
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
