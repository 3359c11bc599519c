/** A client by orval. */

import "./browser.js";
import * as api from "./generated/orval.js";
import { travel, type Tokens } from "./journey.js";

const bearer = (accessToken?: string) => (accessToken ? { headers: { Authorization: `Bearer ${accessToken}` } } : {});

function codeOf(error: api.ErrorBody | api.OAuthErrorBody): string {
  // @ts-expect-error: this code does not exist, so the compiler must refuse it
  if (error.code === "no_such_code") throw new Error(error.message);
  return error.code;
}

async function tokens(body: api.TokenBody): Promise<Tokens | string> {
  const { status, data } = await api.token(body);
  return status === 200 ? { access: data.access_token, refresh: data.refresh_token ?? "" } : codeOf(data);
}

await travel({
  async register(username, password) {
    const { status, data } = await api.register({ username, password });
    return status === 201 ? data.message : codeOf(data);
  },
  async logIn(username, password) {
    const { status, data } = await api.login({ username, password });
    return status === 200 ? data.accessToken : codeOf(data);
  },
  async refresh() {
    const { status, data } = await api.refresh();
    return status === 200 ? data.accessToken : codeOf(data);
  },
  async logOut(accessToken) {
    const { status, data } = await api.logout(undefined, bearer(accessToken));
    return status === 200 ? data.message : codeOf(data);
  },
  async username(accessToken) {
    const { status, data } = await api.profile(bearer(accessToken));
    return status === 200 ? data.username : codeOf(data);
  },
  async changeSettings(accessToken, patch) {
    const { status, data } = await api.changeSettings(patch, bearer(accessToken));
    return status === 200 ? data : codeOf(data);
  },
  tokensByPassword: (username, password) => tokens({ grant_type: "password", username, password }),
  tokensByRefreshToken: (refresh_token) => tokens({ grant_type: "refresh_token", refresh_token }),
});
