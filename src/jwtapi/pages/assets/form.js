/** A form that reports its errors where they are, and that nobody sends twice. */

import { h, unseen } from "./elements.js";
import { explain } from "./words.js";

/**
 * @param {object} options
 * @param {import("./fields.js").Field[]} options.fields
 * @param {string} options.action The words on the button.
 * @param {string} [options.target] What the button is about, for screen readers, if there are several alike.
 * @param {string} options.busy What the button says while the server works.
 * @param {(values: Record<string, any>) => Promise<unknown>} options.send Gets what was typed. An ApiError that it
 *   throws is shown.
 * @param {() => Promise<unknown>} [options.confirm] Asks before anything is sent. Nothing is sent after a falsy answer.
 * @param {import("../client.js").ApiError | null} [options.problem] What was wrong when the form was sent before.
 * @param {Element[]} [options.before] Stands above the fields.
 * @param {Element[]} [options.beside] Stands beside the button.
 * @param {string} [options.kind] The class of the button.
 */
export function form(options) {
  const { fields, action, target, busy, send, confirm, before = [], beside = [], kind = "primary" } = options;
  const problem = h("p", { class: "problem", role: "alert", tabIndex: -1 });
  const button = h("button", { type: "submit", class: kind });
  let working = false;

  const show = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  /** The button keeps the focus, so it is not `disabled`: a screen reader reads its new words. */
  const work = (now) => {
    working = now;
    element.setAttribute("aria-busy", String(now));
    button.setAttribute("aria-disabled", String(now));
    button.replaceChildren(now ? busy : action, target ? unseen(` ${target}`) : "");
  };

  const report = (error) => {
    const text = explain(error);
    const wrong = fields.filter((field) => {
      const message = error.fields[field.name] ?? (field.codes.includes(error.code) ? text : "");
      field.complain(message);
      return message;
    });
    show(wrong.length ? "" : text);
    (wrong[0]?.input ?? problem).focus();
  };

  const submit = async (event) => {
    event.preventDefault();
    if (working) return;
    show("");
    for (const field of fields) field.complain(field.check());
    const wrong = fields.find((field) => field.input.hasAttribute("aria-invalid"));
    if (wrong) {
      wrong.input.focus();
      return;
    }
    if (confirm && !(await confirm())) return;
    work(true);
    try {
      await send(Object.fromEntries(fields.map((field) => [field.name, field.value()])));
    } catch (error) {
      report(error);
    } finally {
      work(false);
    }
  };

  const element = h(
    "form",
    // `post`, so that nothing that was typed could come into an address, whatever happens to this script.
    { method: "post", noValidate: true, submit },
    ...before,
    problem,
    ...fields.map((field) => field.element),
    h("div", { class: "actions" }, button, ...beside),
  );
  show("");
  work(false);
  if (options.problem) report(options.problem);
  return element;
}

/**
 * A button that does one thing: a form without fields.
 *
 * @param {string} action
 * @param {string} busy
 * @param {() => Promise<unknown>} send
 * @param {{ kind?: string, target?: string, confirm?: () => Promise<unknown> }} [options]
 */
export const actionButton = (action, busy, send, { kind = "secondary", target, confirm } = {}) =>
  form({ fields: [], action, target, busy, send, kind, confirm });
