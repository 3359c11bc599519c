/** Chooses a new password with the link from a mail. Nobody is signed in by it. */

import * as fields from "./fields.js";
import { linkView } from "./link-view.js";
import { words } from "./account-words.js";

export const resetView = (page) =>
  linkView(page, {
    words: words.reset,
    before: page.link.account ? [fields.ownerOf(page.link.account)] : [],
    fields: [fields.newPassword("password")],
    another: "forgot",
    send: async (token, { password }) => {
      await page.client.request("POST", "/password/reset", { token, password });
      await page.go("", words.reset.done);
    },
  });
