/** The requests that every generated client must be able to send to a real server. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export interface Tokens {
  access: string;
  refresh: string;
}

/** Each returns the main value of the response, or the code of the error. */
export interface Client {
  register(username: string, password: string): Promise<string>;
  logIn(username: string, password: string): Promise<string>;
  refresh(): Promise<string>;
  logOut(accessToken?: string): Promise<string>;
  username(accessToken: string): Promise<string>;
  changeSettings(accessToken: string, patch: Record<string, unknown>): Promise<Record<string, unknown> | string>;
  tokensByPassword(username: string, password: string): Promise<Tokens | string>;
  tokensByRefreshToken(refreshToken: string): Promise<Tokens | string>;
}

export async function travel(client: Client): Promise<void> {
  const alice = `alice-${randomUUID()}`;
  const password = "correct horse battery staple";
  assert.equal(await client.register(alice, "short"), "password_too_short");
  assert.equal(await client.register(alice, password), "User registered successfully");
  assert.equal(await client.register(alice, password), "username_taken");
  assert.equal(await client.refresh(), "refresh_token_required");

  assert.equal(await client.logIn(alice, "wrong"), "invalid_credentials");
  const first = await client.logIn(alice, password);
  assert.equal(await client.username(first), alice);
  assert.equal(await client.username(`${first}x`), "token_invalid");
  assert.deepEqual(await client.changeSettings(first, { theme: "dark", size: 9 }), { theme: "dark", size: 9 });
  assert.deepEqual(await client.changeSettings(first, { size: null }), { theme: "dark" });
  const second = await client.refresh();
  assert.equal(await client.username(second), alice);
  assert.notEqual(second, first);
  assert.equal(await client.logOut(), "Logged out");
  assert.equal(await client.username(second), "token_invalid");

  assert.equal(await client.tokensByPassword(alice, "wrong"), "invalid_grant");
  const tokens = await client.tokensByPassword(alice, password);
  assert(typeof tokens !== "string");
  const renewed = await client.tokensByRefreshToken(tokens.refresh);
  assert(typeof renewed !== "string");
  assert.equal(await client.username(renewed.access), alice);
  assert.equal(await client.logOut(renewed.access), "Logged out");
  assert.equal(await client.username(renewed.access), "token_invalid");
}
