/** Asks whether it is still the user, before a change that needs a recent sign-in. */

import { ask } from "./dialog.js";
import { paragraph } from "./elements.js";
import { passkeysWork } from "./facts.js";
import { currentPassword, ownerOf } from "./fields.js";
import { form } from "./form.js";
import { secondFactorQuestion } from "./second-factor.js";
import { words } from "./words.js";

const text = words.reauthenticate;
const PASSKEY = { method: "passkey" };

/**
 * Return what the user proves it with, or null if the user closes the dialog.
 *
 * @param {{ client: import("../client.js").Client, account: any }} page
 * @param {import("../client.js").ApiError | null} problem What was wrong with the previous proof.
 * @returns {Promise<string | import("../client.js").ByPasskey | null>}
 */
export async function askPassword({ client, account }, problem) {
  const { hasPassword, passkeys } = await client.request("GET", "/api/mfa");
  return ask(text.heading, (answer, cancel) => {
    const byPasskey = passkeys > 0 && passkeysWork;
    const password = form({
      before: [ownerOf(account.username)],
      fields: [currentPassword("password", words.fields.password)],
      action: text.action,
      busy: text.busy,
      beside: [cancel],
      problem,
      send: async (values) => answer(values.password),
    });
    const passkey = form({
      fields: [],
      action: text.passkey,
      busy: text.busy,
      beside: hasPassword ? [] : [cancel],
      problem: hasPassword ? null : problem,
      kind: hasPassword ? "secondary" : "primary",
      send: async () => answer(PASSKEY),
    });
    if (hasPassword) return [paragraph(text.lead), password, byPasskey && passkey];
    return byPasskey ? [paragraph(text.leadPasskey), passkey] : [paragraph(words.secondFactor.noPasskeys), cancel];
  });
}

/** The method of the last answer: after a wrong one, the next dialog asks for the same. */
let tried;

/**
 * Return a second factor, or null if the user closes the dialog.
 *
 * @param {import("../client.js").Question} question
 * @returns {Promise<import("../client.js").Answer | null>}
 */
export const askSecondFactor = (question) =>
  ask(text.heading, (answer, cancel) => {
    const send = async (given) => {
      tried = given.method;
      answer(given);
    };
    return [secondFactorQuestion({ ...question, method: question.problem ? tried : undefined, back: cancel, send })];
  });
