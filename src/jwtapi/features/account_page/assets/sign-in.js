/** Signs in with a name or an address. */

import { h, paragraph } from "./elements.js";
import { facts } from "./facts.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { addressOf, currentView } from "./navigation.js";
import { words } from "./words.js";

export function signInView({ client, again }) {
  return {
    heading: words.signIn.heading,
    content: [
      h(
        "div",
        { class: "card" },
        h("h1", {}, words.signIn.heading),
        currentView() && paragraph(words.signIn.needed, "lead"),
        form({
          fields: [fields.login("username"), fields.currentPassword("password", words.fields.password)],
          action: words.signIn.action,
          busy: words.signIn.busy,
          send: async ({ username, password }) => {
            await client.signIn(username, password);
            await again();
          },
        }),
        h(
          "ul",
          { class: "links" },
          h("li", {}, h("a", { href: addressOf("forgot") }, words.signIn.forgot)),
          facts.registration !== "closed" &&
            h("li", {}, h("a", { href: addressOf("register") }, words.signIn.register)),
        ),
      ),
    ],
  };
}
