/** The fields that the forms share, with what password managers and phones read from them (`autocomplete`). */

import { h, newId } from "./elements.js";
import { facts } from "./facts.js";
import { words } from "./words.js";

/**
 * @typedef {object} Field
 * @property {string} name As in the request.
 * @property {() => string | boolean} value
 * @property {HTMLElement} element With label, hint, input and error.
 * @property {HTMLInputElement} input
 * @property {string[]} codes Codes of the server that are about this field.
 * @property {(problem: string) => void} complain Shows what is wrong; "" removes it.
 * @property {() => string} check What is wrong before anything is sent, or "".
 */

/**
 * @param {string} name
 * @param {string} label
 * @param {Record<string, any>} options `tag`: another element than `input`, with its `children`. `wrong` returns what is
 *   wrong with what was typed, or "". All others are properties of the element.
 * @returns {Field}
 */
export function field(name, label, options) {
  const { hint, codes = [], wrong = () => "", required = true, tag = "input", children = [], ...properties } = options;
  const id = newId();
  const hintId = hint && `${id}-hint`;
  const errorId = `${id}-error`;
  const described = [errorId, hintId].filter(Boolean).join(" ");
  const type = tag === "input" ? "text" : undefined;
  const input = h(tag, { id, name, required, type, "aria-describedby": described, ...properties }, ...children);
  const error = h("p", { class: "error", id: errorId });
  const isPassword = input.type === "password";
  const element = h(
    "div",
    { class: "field" },
    h("label", { htmlFor: id }, label),
    hint && h("p", { class: "hint", id: hintId }, hint),
    h("div", { class: "input" }, input, isPassword && reveal(input, label)),
    error,
  );
  const complain = (problem) => {
    error.textContent = problem;
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => complain(""));
  const check = () => (required && !input.value.trim() ? words.fields.missing : input.value && wrong(input));
  return { name, element, input, codes, value: () => input.value, complain, check };
}

/** @returns {Field} */
export function checkbox(name, label, { hint }) {
  const id = newId();
  const input = h("input", { id, name, type: "checkbox", "aria-describedby": `${id}-hint` });
  const element = h(
    "div",
    { class: "choice" },
    input,
    h("label", { htmlFor: id }, label),
    h("p", { class: "hint", id: `${id}-hint` }, hint),
  );
  return { name, element, input, codes: [], value: () => input.checked, complain: () => {}, check: () => "" };
}

/** A button that shows the password, and hides it again. */
function reveal(input, label) {
  const button = h("button", { type: "button", class: "reveal", "aria-label": `${words.fields.show}: ${label}` });
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? words.fields.hide : words.fields.show;
    button.setAttribute("aria-label", `${button.textContent}: ${label}`);
  };
  button.addEventListener("click", () => show(input.type === "password"));
  show(false);
  return button;
}

/** Names and addresses are not words: no correction, no capital letters. */
export const EXACT = { autocapitalize: "none", spellcheck: false };
const PASSWORD = { type: "password", maxLength: 1024, ...EXACT };

export const username = (label = words.fields.username) =>
  field("username", label, { ...EXACT, autocomplete: "username", codes: ["username_taken", "username_reserved"] });

/** Sign-in takes a name or an address. With `passkeys`, browsers offer them here too. */
export const login = (name, { passkeys = false } = {}) =>
  field(name, words.fields.login, { ...EXACT, autocomplete: passkeys ? "username webauthn" : "username" });

export const email = ({ required = true, hint = undefined } = {}) =>
  field("email", required ? words.fields.email : words.fields.emailOptional, {
    ...EXACT,
    type: "email",
    autocomplete: "email",
    required,
    hint,
    wrong: (input) => (input.validity.typeMismatch ? words.fields.notAnAddress : ""),
    codes: ["email_invalid", "email_taken"],
  });

export const currentPassword = (name, label = words.fields.currentPassword) =>
  field(name, label, { ...PASSWORD, autocomplete: "current-password", codes: ["wrong_password"] });

export const newPassword = (name, label = words.fields.newPassword, { hint, ...more } = {}) =>
  field(name, label, {
    ...PASSWORD,
    autocomplete: "new-password",
    hint: [words.fields.passwordHint(facts.passwordMinLength), hint].filter(Boolean).join(" "),
    ...more,
  });

/** What an authenticator app shows. */
export const oneTimeCode = () =>
  field("code", words.fields.oneTimeCode, {
    ...EXACT,
    autocomplete: "one-time-code",
    inputMode: "numeric",
    maxLength: 32,
    autofocus: true,
    wrong: (input) => (/^\d{6}$/.test(input.value.replace(/\s/g, "")) ? "" : words.fields.notSixDigits),
    codes: ["mfa_invalid", "mfa_code_wrong"],
  });

export const recoveryCode = () =>
  field("code", words.fields.recoveryCode, {
    ...EXACT,
    autocomplete: "off",
    maxLength: 64,
    autofocus: true,
    codes: ["mfa_invalid"],
  });

export const rememberDevice = () =>
  checkbox("remember", words.fields.remember(facts.rememberDevice), { hint: words.fields.rememberHint });

export const passkeyName = (value) =>
  field("name", words.fields.passkeyName, { value, maxLength: 64, autocomplete: "off" });

/** Lets password managers know whose password a form is about. */
export const ownerOf = (username) =>
  h("input", {
    type: "text",
    name: "username",
    autocomplete: "username",
    value: username,
    readOnly: true,
    hidden: true,
  });
