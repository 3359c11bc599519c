/** Confirms an address with the link from a mail. */

import { linkView } from "./link-view.js";
import { words } from "./account-words.js";

export const verifyView = (page) =>
  linkView(page, {
    words: words.verify,
    another: "",
    send: async (token) => {
      await page.client.request("POST", "/email/verify", { token });
      await page.go("", words.verify.done);
    },
  });
