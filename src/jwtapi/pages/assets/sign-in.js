/** Signs in: with a passkey alone, or with a name or an address, the password, and a second factor if there is one. */

import { ApiError } from "../client.js";
import { appSetUp } from "./authenticator-app.js";
import { h, paragraph } from "./elements.js";
import { passkeysWork } from "./facts.js";
import * as fields from "./fields.js";
import { actionButton, form } from "./form.js";
import { currentView } from "./navigation.js";
import { recoveryCodesView } from "./recovery-codes.js";
import { secondFactorQuestion } from "./second-factor.js";
import { explain, words } from "./words.js";

const text = words.signIn;

/**
 * @param {any} page
 * @param {AbortSignal} signal Aborted when the view gives way to another.
 * @param {{ links?: Element[], lead?: string }} [options] `links` lead those on who cannot sign in.
 */
export function signInView(page, signal, { links = [], lead = currentView() && text.needed } = {}) {
  const { client, again } = page;
  const byPasskey = async () => {
    await client.signInWithPasskey();
    await again();
  };
  if (passkeysWork) offerPasskeys(page, signal);
  return {
    heading: text.heading,
    content: [
      h(
        "div",
        { class: "card" },
        h("h1", {}, text.heading),
        lead && paragraph(lead, "lead"),
        form({
          fields: [
            fields.login("username", { passkeys: passkeysWork }),
            fields.currentPassword("password", words.fields.password),
          ],
          action: text.action,
          busy: text.busy,
          send: async ({ username, password }) => {
            try {
              await client.signIn(username, password);
            } catch (error) {
              if (!(error instanceof ApiError && error.ticket)) throw error;
              return error.code === "mfa_required"
                ? page.show(secondStep(page, error))
                : page.show(await enrolment(page, error, username));
            }
            return again();
          },
        }),
        passkeysWork && actionButton(text.passkey, text.busy, byPasskey),
        links.length > 0 && h("ul", { class: "links" }, ...links.map((link) => h("li", {}, link))),
      ),
    ],
  };
}

/** Let the browser offer passkeys in the autofill of the form, for as long as it is there. */
async function offerPasskeys({ client, again }, signal) {
  try {
    await client.signInWithPasskey({ conditional: true, signal });
    await again();
  } catch (error) {
    // The user asked for nothing, so only a passkey that was refused is worth a word.
    if (error instanceof ApiError && error.code === "passkey_invalid" && !signal.aborted) await again(explain(error));
  }
}

/** The password was right, and the user has a second factor. */
function secondStep(page, { ticket, methods }) {
  const heading = words.secondFactor.heading;
  const send = (answer) =>
    withTicket(page, async () => {
      await page.client.completeSignIn({ ticket, ...answer });
      await page.again();
    });
  const question = secondFactorQuestion({ methods, signingIn: true, back: startAgain(page), send });
  return { heading, content: [h("div", { class: "card" }, h("h1", {}, heading), question)] };
}

/** The password was right, and the user must set up a second factor to sign in. */
async function enrolment(page, { ticket }, username) {
  const { client } = page;
  const heading = words.enrolment.heading;
  const send = ({ code }) =>
    withTicket(page, async () => {
      const { recoveryCodes } = await client.completeSignIn({ ticket, method: "totp", code });
      page.show(recoveryCodesView(recoveryCodes, { owner: username, done: () => page.again(words.enrolment.done) }));
    });
  const setUp = appSetUp(await client.beginEnrolment(ticket), { back: startAgain(page), send });
  const lead = paragraph(words.enrolment.lead, "lead");
  return { heading, content: [h("div", { class: "card" }, h("h1", {}, heading), lead, ...setUp)] };
}

/** Run a step of a sign-in. If its ticket is void, the sign-in begins again. */
async function withTicket({ again }, step) {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "mfa_ticket_invalid")) throw error;
    await again(explain(error));
  }
}

const startAgain = ({ again }) =>
  h("button", { type: "button", class: "quiet", click: () => again() }, words.secondFactor.back);
