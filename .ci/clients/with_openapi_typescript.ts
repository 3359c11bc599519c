/** A client by openapi-typescript and openapi-fetch. */

import { url } from "./browser.js";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi_typescript.js";
import { travel, type Tokens } from "./journey.js";

type ErrorBody = components["schemas"]["ErrorBody"] | components["schemas"]["OAuthErrorBody"];

const client = createClient<paths>({ baseUrl: url });
const bearer = (accessToken?: string) => (accessToken ? { headers: { Authorization: `Bearer ${accessToken}` } } : {});

function codeOf(error: ErrorBody): string {
  // @ts-expect-error: this code does not exist, so the compiler must refuse it
  if (error.code === "no_such_code") throw new Error(error.message);
  return error.code;
}

async function tokens(
  body: paths["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"],
): Promise<Tokens | string> {
  const { data, error } = await client.POST("/token", {
    body,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  return data ? { access: data.access_token, refresh: data.refresh_token ?? "" } : codeOf(error);
}

await travel({
  async register(username, password) {
    const { data, error } = await client.POST("/register", { body: { username, password } });
    return data ? data.message : codeOf(error);
  },
  async logIn(username, password) {
    const { data, error } = await client.POST("/login", { body: { username, password } });
    return data ? data.accessToken : codeOf(error);
  },
  async refresh() {
    const { data, error } = await client.POST("/refresh");
    return data ? data.accessToken : codeOf(error);
  },
  async logOut(accessToken) {
    const { data, error } = await client.POST("/logout", bearer(accessToken));
    return data ? data.message : codeOf(error);
  },
  async username(accessToken) {
    const { data, error } = await client.GET("/profile", bearer(accessToken));
    return data ? data.username : codeOf(error);
  },
  async changeSettings(accessToken, patch) {
    const { data, error } = await client.PATCH("/api/settings", { body: patch, ...bearer(accessToken) });
    return data ?? codeOf(error);
  },
  tokensByPassword: (username, password) => tokens({ grant_type: "password", username, password }),
  tokensByRefreshToken: (refresh_token) => tokens({ grant_type: "refresh_token", refresh_token }),
});
