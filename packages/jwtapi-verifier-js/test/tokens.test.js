import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpiredToken, InvalidToken } from "jwtapi-verifier";
import { Issuer, outcome } from "./support/issuer.js";
import { encoded, forged, newKey, signed, signedWithSecret } from "./support/keys.js";

for (const alg of ["ES256", "EdDSA", "RS256"]) {
  test(`a token signed with ${alg} is accepted, and its claims are named`, async (t) => {
    const issuer = await Issuer.start(t, alg);
    const claims = await issuer.verifier(t).verify(issuer.token({ jti: "1", aud: ["others", "orders"] }));
    const { raw, ...named } = claims;
    assert.deepEqual(named, {
      sub: "2160f433-e786-44de-a783-4e72ba1a8124",
      username: "alice",
      roles: ["admin", "staff"],
      sessionId: "364ca752-315b-47f5-8adc-0956a1903029",
      clientId: "jwtapi",
      scope: [],
      authTime: issuer.now,
      amr: ["pwd"],
      expiresAt: issuer.now + 900,
      issuedAt: issuer.now,
      tokenId: "1",
    });
    assert.equal(raw.gen, 0);
  });
}

test("the token of a service is accepted, and has no user", async (t) => {
  const issuer = await Issuer.start(t);
  const nobody = { username: undefined, sid: undefined, roles: undefined, amr: undefined, auth_time: undefined };
  const claims = await issuer.verifier(t).verify(issuer.token({ ...nobody, sub: "c", client_id: "c", scope: "introspect revoke" }));
  assert.deepEqual([claims.username, claims.sessionId, claims.roles, claims.scope], [null, null, [], ["introspect", "revoke"]]);
});

test("a token with other claims than ours is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  const { now } = issuer;
  const refused = [
    [{ iss: "https://evil.example" }, "wrong_issuer"],
    [{ iss: `${issuer.url}/` }, "wrong_issuer"],
    [{ iss: undefined }, "wrong_issuer"],
    [{ iss: [issuer.url] }, "wrong_issuer"],
    [{ aud: undefined }, "wrong_audience"],
    [{ aud: "order" }, "wrong_audience"],
    [{ aud: [] }, "wrong_audience"],
    [{ aud: { orders: true } }, "wrong_audience"],
    [{ exp: undefined }, "wrong_claims"],
    [{ exp: null }, "wrong_claims"],
    [{ exp: String(now + 900) }, "wrong_claims"],
    [{ exp: true }, "wrong_claims"],
    [{ exp: 1e300 }, "wrong_claims"],
    [{ iat: undefined }, "wrong_claims"],
    [{ iat: String(now) }, "wrong_claims"],
    [{ iat: now + 31 }, "not_yet_valid"],
    [{ nbf: now + 31 }, "not_yet_valid"],
    [{ nbf: "now" }, "wrong_claims"],
    [{ exp: now + 86401 }, "lives_too_long"],
    [{ sub: undefined }, "wrong_claims"],
    [{ sub: "" }, "wrong_claims"],
    [{ sub: 5 }, "wrong_claims"],
    [{ jti: undefined }, "wrong_claims"],
    [{ jti: "" }, "wrong_claims"],
    [{ roles: "administrator" }, "wrong_claims"],
    [{ roles: [["admin"]] }, "wrong_claims"],
    [{ username: ["alice"] }, "wrong_claims"],
    [{ sid: 5 }, "wrong_claims"],
    [{ sid: null }, "wrong_claims"],
    [{ username: "" }, "wrong_claims"],
  ];
  for (const [changed, reason] of refused) {
    assert.equal(await outcome(verifier, issuer.token(changed)), `InvalidToken: ${reason}`, JSON.stringify(changed));
  }
  assert.equal(await outcome(verifier, issuer.token({ iat: now + 30, exp: now + 86430 })), "accepted");
});

test("a token expires to the second", async (t) => {
  const issuer = await Issuer.start(t);
  const token = issuer.token();
  const [strict, lenient] = [issuer.verifier(t), issuer.verifier(t, { leeway: 30 })];
  issuer.now += 899;
  assert.equal(await outcome(strict, token), "accepted");
  issuer.now += 1;
  await assert.rejects(strict.verify(token), (error) => error instanceof ExpiredToken && error instanceof InvalidToken);
  issuer.now += 29;
  assert.equal(await outcome(lenient, token), "accepted");
  issuer.now += 1;
  assert.equal(await outcome(lenient, token), "ExpiredToken: expired");
});

test("a token with another header than ours is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const other = await newKey();
  const verifier = issuer.verifier(t);
  const refused = [
    [{ typ: "JWT" }, "wrong_type"],
    [{ typ: undefined }, "wrong_type"],
    [{ typ: "AT+JWT" }, "wrong_type"],
    [{ typ: ["at+jwt"] }, "wrong_type"],
    [{ typ: "rt+jwt" }, "wrong_type"],
    [{ kid: undefined }, "unknown_key"],
    [{ kid: "" }, "unknown_key"],
    [{ kid: 5 }, "unknown_key"],
    [{ kid: "k".repeat(257) }, "unknown_key"],
    [{ kid: "__proto__" }, "unknown_key"],
    [{ crit: ["exp"] }, "unsupported_header"],
    [{ crit: [] }, "unsupported_header"],
    [{ b64: false, crit: ["b64"] }, "unsupported_header"],
    [{ b64: true }, "unsupported_header"],
    [{ jwk: other.jwk }, "unsupported_header"],
    [{ jku: `${issuer.url}/other.json` }, "unsupported_header"],
    [{ x5u: `${issuer.url}/other.pem` }, "unsupported_header"],
    [{ x5c: ["MIIB"] }, "unsupported_header"],
    [{ alg: "EdDSA" }, "wrong_algorithm"],
    [{ alg: "RS256" }, "wrong_algorithm"],
    [{ alg: "ES384" }, "wrong_algorithm"],
    [{ alg: "none" }, "wrong_algorithm"],
    [{ alg: "HS256" }, "wrong_algorithm"],
    [{ alg: ["ES256"] }, "wrong_algorithm"],
    [{ alg: undefined }, "wrong_algorithm"],
  ];
  for (const [header, reason] of refused) {
    assert.equal(await outcome(verifier, issuer.token({}, { header })), `InvalidToken: ${reason}`, JSON.stringify(header));
  }
  assert.equal(await outcome(verifier, issuer.token({}, { header: { typ: "application/at+jwt", x: [1] } })), "accepted");
  assert.equal(issuer.count("/other"), 0);
});

for (const alg of ["ES256", "EdDSA", "RS256"]) {
  test(`a token under the public ${alg} key as a secret, and one without signature, are refused`, async (t) => {
    const issuer = await Issuer.start(t, alg);
    const verifier = issuer.verifier(t);
    const { publicKey, jwk } = issuer.key;
    const secrets = [
      publicKey.export({ type: "spki", format: "pem" }),
      publicKey.export({ type: "spki", format: "pem" }).trim(),
      publicKey.export({ type: "spki", format: "der" }),
      JSON.stringify(jwk),
      Buffer.from(jwk.x ?? jwk.n, "base64url"),
      "",
    ];
    for (const secret of secrets) {
      for (const stated of ["HS256", alg]) {
        const header = { alg: stated, typ: "at+jwt", kid: jwk.kid };
        assert.match(await outcome(verifier, signedWithSecret(secret, header, issuer.claims())), /^InvalidToken/);
      }
    }
    const [header, payload, signature] = issuer.token().split(".");
    const none = encoded({ alg: "none", typ: "at+jwt", kid: jwk.kid });
    for (const token of [`${none}.${payload}.`, `${none}.${payload}.${signature}`, `${header}.${payload}.`, `${header}.${payload}`]) {
      assert.match(await outcome(verifier, token), /^InvalidToken/);
    }
  });
}

test("a token signed with another key than the one that it names is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const keys = await Promise.all(["ES256", "EdDSA", "RS256"].map((alg) => newKey(alg)));
  issuer.keys.push(...keys.map((key) => key.jwk));
  const verifier = issuer.verifier(t);
  for (const key of keys) {
    assert.equal(await outcome(verifier, issuer.token({}, { key })), "accepted");
    const header = { kid: issuer.key.jwk.kid };
    assert.match(await outcome(verifier, issuer.token({}, { key, header })), /^InvalidToken: wrong_(algorithm|signature)$/);
  }
});

test("a changed header, payload or signature is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  const [header, payload, signature] = issuer.token().split(".");
  const other = encoded(issuer.claims({ roles: ["root"] }));
  assert.equal(await outcome(verifier, `${header}.${other}.${signature}`), "InvalidToken: wrong_signature");
  assert.equal(await outcome(verifier, `${header}.${payload}.${encoded(Buffer.alloc(64))}`), "InvalidToken: wrong_signature");
  const shorter = encoded(Buffer.from(signature, "base64url").subarray(1));
  assert.equal(await outcome(verifier, `${header}.${payload}.${shorter}`), "InvalidToken: wrong_signature");
});

test("a token in another spelling is refused", async (t) => {
  const issuer = await Issuer.start(t, "RS256");
  const verifier = issuer.verifier(t);
  const token = issuer.token();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const sameBytes = token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1)) ^ 1];
  const spellings = [sameBytes, `${token}=`, `${token}==`, `${token}\n`, ` ${token}`, `${token}.`, `.${token}`, token.replace(".", ".."),
    token.replaceAll("-", "+").replaceAll("_", "/"), `Bearer ${token}`, token.slice(0, 20), "", ".", "..", "...", "a.b.c", "é.é.é"];
  for (const spelling of spellings) {
    if (spelling !== token) assert.equal(await outcome(verifier, spelling), "InvalidToken: malformed", spelling);
  }
  for (const value of [undefined, null, 5, {}, [token], new String(token)]) {
    assert.equal(await outcome(verifier, value), "InvalidToken: malformed");
  }
  const [header, payload] = token.split(".");
  for (const change of [(text) => `${text}=`, (text) => `${text}\n`, (text) => `!${text}`, (text) => `${text}A`, () => ""]) {
    for (const text of [`${change(header)}.${payload}`, `${header}.${change(payload)}`]) {
      assert.equal(await outcome(verifier, signed(issuer.key, text)), "InvalidToken: malformed", text);
    }
  }
});

test("a token of more than 8 KiB is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  assert.equal(await outcome(verifier, issuer.token({ pad: "x".repeat(8192) })), "InvalidToken: malformed");
  assert.equal(await outcome(verifier, issuer.token({ pad: "x".repeat(5000) })), "accepted");
});

test("a header or payload that is not a strict JSON object is refused", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  const header = JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: issuer.key.jwk.kid });
  const payload = JSON.stringify(issuer.claims());
  const variants = (text) => [
    "[1]", "null", "true", "5", '"x"', "{", "", `${text} x`,
    Buffer.from(text, "utf16le"),
    Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
    Buffer.concat([Buffer.from(`${text.slice(0, -1)},"x":"`), Buffer.from([0xff]), Buffer.from('"}')]),
    text.replace("{", '{"x":1,"x":1,'),
    text.replace("{", '{"x":{"y":1,"\\u0079":2},'),
    text.replace("{", '{"x":NaN,'),
    text.replace("{", '{"x":1e400,'),
    text.replace("{", '{"x":"\\ud800",'),
    text.replace("{", `{"x":${"[".repeat(100)}${"]".repeat(100)},`),
    text.replace("{", "{'x':1,"),
  ];
  for (const bad of variants(payload)) {
    assert.equal(await outcome(verifier, forged(issuer.key, header, bad)), "InvalidToken: malformed", String(bad));
  }
  for (const bad of variants(header)) {
    assert.equal(await outcome(verifier, forged(issuer.key, bad, payload)), "InvalidToken: malformed", String(bad));
  }
  const duplicates = [payload.replace("{", `{"exp":9999999999,`), payload.replace("{", `{"\\u0065xp":9999999999,`)];
  for (const bad of duplicates) {
    assert.equal(await outcome(verifier, forged(issuer.key, header, bad)), "InvalidToken: malformed");
  }
  const spaced = `{ "x" : "a:b\\":{}" , ${payload.slice(1)}`;
  assert.equal(await outcome(verifier, forged(issuer.key, header, spaced)), "accepted");
});

test("an error contains no part of the token", async (t) => {
  const issuer = await Issuer.start(t);
  const token = issuer.token({ aud: "others" });
  const error = await issuer.verifier(t).verify(token).catch((thrown) => thrown);
  assert.equal(error.code, "token_invalid");
  assert.ok(!JSON.stringify([error.message, error.stack, error.reason]).includes(token.slice(0, 20)));
});
