import assert from "node:assert/strict";
import { test } from "node:test";
import { Verifier } from "jwtapi-verifier";

const RIGHT = { issuer: "https://auth.example.com", audience: "orders" };

test("right options are accepted", () => {
  for (const options of [
    {},
    { issuer: "https://example.com/auth/" },
    { issuer: "http://127.0.0.1:4000" },
    { issuer: "http://localhost:4000" },
    { issuer: "http://[::1]:4000" },
    { issuer: "http://jwtapi:4000", allowHttp: true },
    { jwksUrl: "https://cdn.example.com/keys" },
    { clientId: "a", clientSecret: "b", onSilence: "ask", leeway: 30, cooldown: 5, maxStale: 60 },
  ]) {
    new Verifier({ ...RIGHT, ...options }).close();
  }
});

test("wrong options are refused, and the message does not repeat the secret", () => {
  for (const [options, message] of [
    [{ issuer: undefined }, /issuer/],
    [{ issuer: "jwtapi" }, /issuer/],
    [{ issuer: "http://auth.example.com" }, /issuer/],
    [{ issuer: "http://127.0.0.1.example.com" }, /issuer/],
    [{ issuer: "http://localhost.example.com" }, /issuer/],
    [{ issuer: "ftp://127.0.0.1" }, /issuer/],
    [{ issuer: "https://user:secret@auth.example.com" }, /issuer/],
    [{ issuer: "https://auth.example.com?a" }, /issuer/],
    [{ issuer: "https://auth.example.com#a" }, /issuer/],
    [{ jwksUrl: "http://auth.example.com/keys" }, /jwksUrl/],
    [{ audience: undefined }, /audience/],
    [{ audience: "" }, /audience/],
    [{ audience: ["orders"] }, /audience/],
    [{ clientId: "orders" }, /clientSecret/],
    [{ clientSecret: "secret" }, /clientId/],
    [{ clientId: "", clientSecret: "secret" }, /clientId/],
    [{ onSilence: "ignore" }, /onSilence/],
    [{ leeway: 31 }, /leeway/],
    [{ leeway: -1 }, /leeway/],
    [{ leeway: NaN }, /leeway/],
    [{ cooldown: 0 }, /cooldown/],
    [{ maxStale: "x" }, /maxStale/],
  ]) {
    assert.throws(
      () => new Verifier({ ...RIGHT, ...options }),
      (error) => error instanceof TypeError && message.test(error.message) && !error.message.includes("secret@"),
      JSON.stringify(options),
    );
  }
});
