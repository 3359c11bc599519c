/** Creates an account and signs in to it. */

import { ApiError } from "../client.js";
import { h, paragraph } from "./elements.js";
import { facts } from "./account-facts.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { addressOf } from "./navigation.js";
import { words } from "./account-words.js";

export function registerView({ client, link, go }) {
  const { invitation } = link;
  return {
    heading: words.register.heading,
    content: [
      h(
        "div",
        { class: "card" },
        h("h1", {}, words.register.heading),
        invitation && paragraph(words.register.invited, "lead"),
        ...refusal(invitation),
        h("ul", { class: "links" }, h("li", {}, h("a", { href: addressOf("") }, words.register.have))),
      ),
    ],
  };

  /** Why nobody can register here, or the form. */
  function refusal(invitation) {
    if (facts.registration === "closed") return [paragraph(words.register.closed)];
    if (facts.registration === "invite" && !invitation) return [paragraph(words.register.onlyInvited)];
    return [registration()];
  }

  function registration() {
    // An invitation was sent to an address, so the server knows it.
    const asksEmail = facts.email !== "off" && !invitation;
    const required = facts.email === "required";
    return form({
      fields: [
        fields.username(),
        ...(asksEmail ? [fields.email({ required, hint: words.fields.emailHint })] : []),
        fields.newPassword("password", words.fields.password),
      ],
      action: words.register.action,
      busy: words.register.busy,
      send: async ({ username, password, email }) => {
        await client.register(username, password, { email: email || undefined, invitation });
        delete link.invitation;
        try {
          await client.signIn(username, password);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          return go("", words.register.signInNext);
        }
        return go("", email ? words.register.doneWithMail(username) : words.register.done(username));
      },
    });
  }
}
