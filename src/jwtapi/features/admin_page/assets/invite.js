/** Invites somebody, who then registers. */

import { line, roles, rolesIn } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { h, paragraph } from "./elements.js";
import { form } from "./form.js";
import { onceView } from "./once.js";
import { wayBack } from "./users.js";

const text = words.invite;

export function inviteView(page) {
  const email = line("email", text.email, {
    type: "email",
    required: true,
    maxLength: 320,
    codes: ["email_invalid", "email_taken"],
    wrong: ({ validity }) => (validity.typeMismatch ? words.fields.notAnAddress : ""),
  });
  const send = async (values) => {
    const body = { email: values.email, roles: rolesIn(values.roles) };
    const { link } = await page.client.request("POST", "/api/admin/invitations", body);
    const done = (news) => page.go("users", news);
    if (!link) return done(text.sent(values.email));
    const lead = text.linkLead(values.email);
    return page.show(onceView({ heading: text.linkHeading, lead, secret: link, copy: text.copy, done: () => done("") }));
  };
  return {
    heading: text.heading,
    wide: true,
    content: [
      wayBack(),
      h(
        "div",
        { class: "card" },
        h("h1", {}, text.heading),
        paragraph(text.lead, "lead"),
        form({ fields: [email, roles()], action: text.action, busy: text.busy, send }),
      ),
    ],
  };
}
