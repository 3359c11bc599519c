/** Asks for a second factor: a code of the authenticator app, a passkey, or a recovery code. */

import { h, paragraph } from "./elements.js";
import { facts, passkeysWork } from "./facts.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { words } from "./words.js";

const text = words.secondFactor;
/** The first one that is possible is asked for. */
const FIELDS = { totp: [fields.oneTimeCode], passkey: [], recovery_code: [fields.recoveryCode] };

/**
 * @param {object} options
 * @param {import("../client.js").Method[]} options.methods
 * @param {boolean} options.signingIn Whether the device can be remembered.
 * @param {import("../client.js").ApiError | null} [options.problem] What was wrong with the answer before.
 * @param {import("../client.js").Method} [options.method] Which one the user has chosen before.
 * @param {Element} options.back Stands beside the button.
 * @param {(answer: import("../client.js").Answer) => Promise<unknown>} options.send
 */
export function secondFactorQuestion({ methods, signingIn, problem, method: chosen, back, send }) {
  const possible = Object.keys(FIELDS).filter(
    (method) => methods.includes(method) && (method !== "passkey" || passkeysWork),
  );
  const box = h("div", { class: "question" });
  const remembers = signingIn && facts.rememberDevice > 0;

  const ask = (method, problem) => {
    const question = form({
      fields: [...FIELDS[method].map((make) => make()), ...(remembers ? [fields.rememberDevice()] : [])],
      action: text.actions[method],
      busy: text.busy,
      beside: [back],
      problem,
      send: ({ code, remember }) => send({ method, code, remember }),
    });
    const others = possible.filter((other) => other !== method);
    const change = (other) => {
      ask(other);
      box.querySelector("input:not([type=checkbox]), button[type=submit]").focus();
    };
    const links = others.map((other) =>
      h("li", {}, h("button", { type: "button", class: "link", click: () => change(other) }, text.instead[other])),
    );
    box.replaceChildren(
      paragraph(text.leads[method], "lead"),
      methods.includes("passkey") && !passkeysWork ? paragraph(text.noPasskeys, "note") : "",
      question,
      links.length > 0 ? h("ul", { class: "links" }, ...links) : "",
    );
  };
  if (possible.length > 0) ask(possible.includes(chosen) ? chosen : possible[0], problem);
  else box.replaceChildren(paragraph(text.noPasskeys), back);
  return box;
}
