import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import express from "express";
import { requireToken } from "jwtapi-verifier/express";
import { Issuer, json } from "./support/issuer.js";

function withExpress(verifier) {
  const app = express();
  app.get("/orders", requireToken(verifier), (request, response) => response.json({ user: request.claims.sub }));
  return createServer(app);
}

function withPlainHttp(verifier) {
  const signedIn = requireToken(verifier);
  return createServer((request, response) =>
    signedIn(request, response, () => json(response, 200, { user: request.claims.sub })),
  );
}

async function listening(t, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return async (authorization) => {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/orders`, { headers });
    const { "www-authenticate": challenge, "retry-after": retryAfter } = Object.fromEntries(answer.headers);
    return { status: answer.status, body: await answer.json(), challenge, retryAfter };
  };
}

for (const [name, serve] of [["Express", withExpress], ["node:http", withPlainHttp]]) {
  test(`with ${name}, only requests with a valid token pass`, async (t) => {
    const issuer = await Issuer.start(t);
    const verifier = issuer.verifier(t);
    const get = await listening(t, serve(verifier));
    const token = issuer.token();
    for (const scheme of ["Bearer", "bearer", "BEARER "]) {
      const passed = await get(`${scheme} ${token}`);
      assert.deepEqual([passed.status, passed.body], [200, { user: issuer.claims().sub }]);
    }
    const missing = { status: 401, body: { message: "Access token required", code: "access_token_required" }, challenge: "Bearer", retryAfter: undefined };
    for (const header of [undefined, "", "Bearer", "Bearer ", `Basic ${token}`, token, `Bearer${token}`, `Bearer ${token} x`]) {
      assert.deepEqual(await get(header), missing, header);
    }
    const refused = { ...missing, challenge: 'Bearer error="invalid_token"' };
    assert.deepEqual(await get("Bearer x"), { ...refused, body: { message: "Invalid token", code: "token_invalid" } });
    issuer.now += 900;
    assert.deepEqual(await get(`Bearer ${token}`), { ...refused, body: { message: "Token expired", code: "token_expired" } });
  });

  test(`with ${name}, a request is answered 503 while tokens cannot be checked`, async (t) => {
    const issuer = await Issuer.start(t);
    issuer.answers["/.well-known/jwks.json"] = (_, response) => json(response, 500, {});
    const get = await listening(t, serve(issuer.verifier(t)));
    const unavailable = { message: "Tokens cannot be checked now", code: "unavailable" };
    assert.deepEqual(await get(`Bearer ${issuer.token()}`), { status: 503, body: unavailable, challenge: undefined, retryAfter: "5" });
  });
}
