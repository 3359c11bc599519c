/** Asks for the password again, before a change that needs a recent sign-in. */

import { h, newId, paragraph } from "./elements.js";
import { currentPassword, ownerOf } from "./fields.js";
import { form } from "./form.js";
import { explain, words } from "./words.js";

/**
 * Return the password, or null if the user closes the dialog.
 *
 * @param {string} username
 * @param {import("../client.js").ApiError | null} problem What was wrong with the password before.
 * @returns {Promise<string | null>}
 */
export function askPassword(username, problem) {
  return new Promise((resolve) => {
    const title = newId();
    const password = currentPassword("password", words.fields.password);
    let answer = null;
    const dialog = h(
      "dialog",
      { "aria-labelledby": title, close: () => (dialog.remove(), resolve(answer)) },
      h("h2", { id: title }, words.reauthenticate.heading),
      paragraph(words.reauthenticate.lead),
      form({
        before: [ownerOf(username)],
        fields: [password],
        action: words.reauthenticate.action,
        busy: words.reauthenticate.busy,
        beside: [h("button", { type: "button", class: "quiet", click: () => dialog.close() }, words.cancel)],
        send: async (values) => {
          answer = values.password;
          dialog.close();
        },
      }),
    );
    document.body.append(dialog);
    if (problem) password.complain(explain(problem));
    dialog.showModal();
    password.input.focus();
  });
}
