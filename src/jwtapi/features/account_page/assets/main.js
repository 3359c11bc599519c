/** Starts the page, and names its views: for everybody, and for those who are signed in. */

import { accountView } from "./account.js";
import { facts } from "./account-facts.js";
import { words } from "./account-words.js";
import { h } from "./elements.js";
import { forgotView } from "./forgot.js";
import { takeLink } from "./link.js";
import { addressOf } from "./navigation.js";
import { passwordView } from "./password.js";
import { registerView } from "./register.js";
import { resetView } from "./reset.js";
import { securityView } from "./security.js";
import { sessionsView } from "./sessions.js";
import { signInView } from "./sign-in.js";
import { startPage } from "./start.js";
import { undoView } from "./undo.js";
import { verifyView } from "./verify.js";

const FOR_OWNERS = { "": accountView, password: passwordView, security: securityView, sessions: sessionsView };

startPage({
  menu: words.menu,
  takeLink,
  forEverybody: {
    forgot: forgotView,
    register: registerView,
    reset: resetView,
    undo: undoView,
    verify: verifyView,
  },
  forOwners: (name) => FOR_OWNERS[name] ?? accountView,
  signIn: (page, signal) =>
    signInView(page, signal, {
      links: [
        h("a", { href: addressOf("forgot") }, words.signIn.forgot),
        ...(facts.registration === "closed" ? [] : [h("a", { href: addressOf("register") }, words.signIn.register)]),
      ],
    }),
});
