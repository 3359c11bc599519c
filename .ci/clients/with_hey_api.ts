/** A client by @hey-api/openapi-ts. */

import { url } from "./browser.js";
import { client } from "./generated/hey_api/client.gen.js";
import * as api from "./generated/hey_api/sdk.gen.js";
import type { ErrorBody, OAuthErrorBody, TokenData } from "./generated/hey_api/types.gen.js";
import { travel, type Tokens } from "./journey.js";

client.setConfig({ baseUrl: url });
const by = (accessToken?: string) => ({ auth: (scheme: { type: string }) => (scheme.type === "http" ? accessToken : undefined) });

function codeOf(error: ErrorBody | OAuthErrorBody): string {
  // @ts-expect-error: this code does not exist, so the compiler must refuse it
  if (error.code === "no_such_code") throw new Error(error.message);
  return error.code;
}

async function tokens(body: TokenData["body"]): Promise<Tokens | string> {
  const { data, error } = await api.token({ body });
  return data ? { access: data.access_token, refresh: data.refresh_token ?? "" } : codeOf(error);
}

await travel({
  async register(username, password) {
    const { data, error } = await api.register({ body: { username, password } });
    return data ? data.message : codeOf(error);
  },
  async logIn(username, password) {
    const { data, error } = await api.login({ body: { username, password } });
    return data ? data.accessToken : codeOf(error);
  },
  async refresh() {
    const { data, error } = await api.refresh();
    return data ? data.accessToken : codeOf(error);
  },
  async logOut(accessToken) {
    const { data, error } = await api.logout(by(accessToken));
    return data ? data.message : codeOf(error);
  },
  async username(accessToken) {
    const { data, error } = await api.profile(by(accessToken));
    return data ? data.username : codeOf(error);
  },
  async changeSettings(accessToken, patch) {
    const { data, error } = await api.changeSettings({ body: patch, ...by(accessToken) });
    return data ?? codeOf(error);
  },
  tokensByPassword: (username, password) => tokens({ grant_type: "password", username, password }),
  tokensByRefreshToken: (refresh_token) => tokens({ grant_type: "refresh_token", refresh_token }),
});
