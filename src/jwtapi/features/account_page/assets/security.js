/** What protects the account: passkeys, the authenticator app, recovery codes, remembered devices and API keys. */

import { apiKeysCard } from "./api-keys.js";
import { appSetUp } from "./authenticator-app.js";
import { badge, card, h, moment, more, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { passkeysCard } from "./passkeys.js";
import { recoveryCodesView } from "./recovery-codes.js";
import { devicesCard } from "./remembered-devices.js";
import { onDate, words } from "./account-words.js";

const text = words.security;

export async function securityView(page) {
  const { client } = page;
  const [state, { devices }, { keys }] = await Promise.all([
    client.request("GET", "/api/mfa"),
    client.request("GET", "/api/mfa/devices"),
    client.request("GET", "/api/keys"),
  ]);
  const offersPasskeys = state.methods.includes("passkey");
  const { passkeys } = offersPasskeys ? await client.passkeys() : { passkeys: [] };
  return {
    heading: text.heading,
    wide: true,
    content: [
      h("h1", {}, text.heading),
      ...summary(state),
      offersPasskeys && passkeysCard(page, passkeys, state, showCodes),
      appCard(page, state),
      state.enabled && codesCard(page, state),
      (devices.length > 0 || (state.enabled && state.hasPassword && state.rememberDeviceSeconds > 0)) &&
        devicesCard(page, devices),
      keys.length > 0 && apiKeysCard(page, keys),
    ].filter(Boolean),
  };

  /** Show the codes of `made`, if there are any, and then this view with `news`. */
  function showCodes({ recoveryCodes = [] }, news) {
    if (recoveryCodes.length === 0) return page.again(news);
    const owner = page.account.username;
    return page.show(recoveryCodesView(recoveryCodes, { owner, wide: true, done: () => page.again(news) }));
  }

  function appCard({ client, again }, { totpSince, passkeys }) {
    if (totpSince === null) {
      return card(text.app, paragraph(text.appText), actionButton(text.setUp, words.loading, setUp));
    }
    const remove = async () => {
      await client.request("DELETE", "/api/mfa/totp");
      await again(text.appRemoved);
    };
    return card(
      text.app,
      h("p", { class: "value" }, badge(text.on), moment(totpSince, text.since(onDate(totpSince)))),
      more(
        text.turnOff,
        paragraph(passkeys > 0 ? text.appRemoveText : text.lastRemoveText),
        actionButton(text.appRemove, text.busy, remove, { kind: "danger" }),
      ),
    );
  }

  async function setUp() {
    const app = await client.request("POST", "/api/mfa/totp");
    const heading = text.setUp;
    const back = h("button", { type: "button", class: "quiet", click: () => page.again() }, words.cancel);
    const send = async ({ code }) =>
      showCodes(await client.request("POST", "/api/mfa/totp/confirm", { code }), text.appAdded);
    page.show({
      heading,
      wide: true,
      content: [h("div", { class: "card" }, h("h1", {}, heading), ...appSetUp(app, { back, send }))],
    });
  }

  function codesCard({ client }, { recoveryCodes, hasPassword }) {
    const replace = async () =>
      showCodes(await client.request("POST", "/api/mfa/recovery-codes"), text.codesMade);
    return card(
      text.codes,
      paragraph(hasPassword ? text.codesText : text.codesTextPasswordless),
      h("p", { class: "value" }, text.codesLeft(recoveryCodes), recoveryCodes <= FEW && badge(text.few, "warning")),
      more(text.codesMore, paragraph(text.codesMoreText), actionButton(text.codesMake, text.busy, replace)),
    );
  }
}

/** With so few codes left, the user should make new ones. */
const FEW = 3;

/** What stands at the top: how well the account is protected, and what the server demands. */
function summary({ enabled, since, required, requiredFrom, hasPassword }) {
  const lead = enabled ? (hasPassword ? text.protected(onDate(since)) : text.passwordless) : text.unprotected;
  const demand = requiredFrom === null ? text.required : text.requiredFrom(onDate(requiredFrom));
  return [paragraph(lead, "lead"), required && !enabled && paragraph(demand, "warning")].filter(Boolean);
}
