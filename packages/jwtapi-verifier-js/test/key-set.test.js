import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Issuer, json, outcome, until } from "./support/issuer.js";
import { newKey } from "./support/keys.js";

const JWKS = "/.well-known/jwks.json";
const UNKNOWN = "InvalidToken: unknown_key";
const NO_KEYS = "Unavailable: no_keys";

function withInventedKid(issuer) {
  return issuer.token({}, { header: { kid: randomUUID() } });
}

/** Makes the background fetch that is due end, without waiting for its timer. */
async function refreshed(issuer, verifier, seconds) {
  const before = issuer.count(JWKS);
  issuer.now += seconds;
  verifier.start();
  await until(() => issuer.count(JWKS) > before);
}

const FAULTS = {
  "status 500": (issuer, _, response) => json(response, 500, { keys: issuer.keys }),
  "status 204": (issuer, _, response) => response.writeHead(204).end(),
  "a redirect to the right key set": (issuer, _, response) => response.writeHead(302, { Location: `${issuer.url}/moved` }).end(),
  "a closed connection": (issuer, request) => request.socket.destroy(),
  "half of the body": (issuer, request, response) => {
    response.writeHead(200, { "Content-Length": 10_000 });
    response.write('{"keys":[', () => request.socket.destroy());
  },
  "20 MB": (issuer, _, response) => endless(response, 20 * 2 ** 20),
  "300 KB of valid JSON": (issuer, _, response) => json(response, 200, { keys: issuer.keys, pad: "x".repeat(300_000) }),
  "no JSON": (issuer, _, response) => response.end("<html>"),
  "JSON with a name twice": (issuer, _, response) => response.end(`{"keys":[],"keys":${JSON.stringify(issuer.keys)}}`),
  "100,000 levels": (issuer, _, response) => response.end("[".repeat(100_000) + "]".repeat(100_000)),
  "another form": (issuer, _, response) => json(response, 200, issuer.keys),
  "no object": (issuer, _, response) => json(response, 200, null),
  "101 keys": (issuer, _, response) => json(response, 200, { keys: Array.from({ length: 101 }, (_, n) => ({ ...issuer.keys[0], kid: `${n}` })) }),
  "no keys": (issuer, _, response) => json(response, 200, { keys: [] }),
  "no usable key": (issuer, _, response) => json(response, 200, { keys: [null, 5, {}, { ...issuer.keys[0], alg: "HS256" }] }),
};

function endless(response, size) {
  response.writeHead(200);
  const send = () => {
    for (; size > 0 && !response.destroyed; size -= 2 ** 16) {
      if (!response.write("x".repeat(2 ** 16))) return response.once("drain", send);
    }
    response.end();
  };
  send();
}

for (const [fault, answer] of Object.entries(FAULTS)) {
  test(`known keys stay known while the answer to the fetch is ${fault}, and the fetch is tried again`, async (t) => {
    const issuer = await Issuer.start(t);
    issuer.answers["/moved"] = (_, response) => json(response, 200, { keys: issuer.keys });
    const verifier = issuer.verifier(t);
    assert.equal(await outcome(verifier, issuer.token()), "accepted");

    issuer.answers[JWKS] = (...given) => answer(issuer, ...given);
    await refreshed(issuer, verifier, 151);
    await until(() => issuer.warnings.some((warning) => warning.startsWith("jwtapi-verifier: the key set was not fetched")));
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
    assert.equal(issuer.count("/moved"), 0);

    delete issuer.answers[JWKS];
    const next = await newKey();
    issuer.keys.push(next.jwk);
    await refreshed(issuer, verifier, 2);
    assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "accepted");
  });

  test(`without known keys, tokens cannot be checked while the answer is ${fault}`, async (t) => {
    const issuer = await Issuer.start(t);
    issuer.answers[JWKS] = (...given) => answer(issuer, ...given);
    const verifier = issuer.verifier(t);
    assert.equal(await outcome(verifier, issuer.token()), NO_KEYS);
    assert.equal(await outcome(verifier, issuer.token()), NO_KEYS); // no second request before a second has passed
    assert.equal(issuer.count(JWKS), 1);

    delete issuer.answers[JWKS];
    issuer.now += 1;
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
  });
}

test("a known key is used without delay while a fetch hangs, and a fetch that hangs or drips ends after 5 seconds", async (t) => {
  const issuer = await Issuer.start(t);
  const drips = [];
  t.after(() => drips.forEach(clearInterval));
  const faults = [
    () => {},
    (_, response) => drips.push(setInterval(() => response.write(" "), 100)),
  ];
  const verifiers = await Promise.all(
    faults.map(async (fault) => {
      const verifier = issuer.verifier(t);
      assert.equal(await outcome(verifier, issuer.token()), "accepted");
      return verifier;
    }),
  );
  issuer.answers[JWKS] = (...given) => faults[issuer.count(JWKS) % 2](...given);
  issuer.now += 151;
  for (const verifier of verifiers) verifier.start();
  await until(() => issuer.count(JWKS) === 4);
  for (const verifier of verifiers) assert.equal(await outcome(verifier, issuer.token()), "accepted");
  assert.deepEqual(issuer.warnings, []);
  await until(() => issuer.warnings.length === 2);
  for (const warning of issuer.warnings) assert.match(warning, /no answer in time/);
});

test("keys are kept for 24 hours without a fetch that succeeds, and not longer", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  issuer.answers[JWKS] = FAULTS["status 500"].bind(undefined, issuer);
  await refreshed(issuer, verifier, 24 * 3600);
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
  issuer.now += 1;
  assert.equal(await outcome(verifier, issuer.token()), NO_KEYS);
  delete issuer.answers[JWKS];
  issuer.now += 60;
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
});

test("the next fetch is at half of max-age, and never before a minute or after an hour", async (t) => {
  for (const [header, seconds] of [["max-age=300", 150], ["public,max-age=10", 60], ["max-age=86400", 3600], ["no-store", 150], ["s-maxage=9000", 150]]) {
    const issuer = await Issuer.start(t);
    issuer.headers = { "Cache-Control": header };
    const verifier = issuer.verifier(t);
    await verifier.verify(issuer.token());
    issuer.now += seconds - 0.5;
    await verifier.verify(issuer.token());
    await verifier.verify(issuer.token());
    assert.equal(issuer.count(JWKS), 1, header);
    await refreshed(issuer, verifier, 0.5);
  }
});

test("after failures, a fetch is tried again after 1, 2, 4 seconds, and so on up to a minute", async (t) => {
  const issuer = await Issuer.start(t);
  issuer.answers[JWKS] = FAULTS["status 500"].bind(undefined, issuer);
  const verifier = issuer.verifier(t);
  await outcome(verifier, issuer.token());
  for (const [index, delay] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
    issuer.now += delay - 0.5;
    await outcome(verifier, issuer.token());
    assert.equal(issuer.count(JWKS), index + 1);
    issuer.now += 0.5;
    await outcome(verifier, issuer.token());
    assert.equal(issuer.count(JWKS), index + 2);
  }
});

test("100 first tokens at the same time cost one fetch", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(verifier, issuer.token())));
  assert.deepEqual([...new Set(outcomes)], ["accepted"]);
  assert.equal(issuer.count(JWKS), 1);
});

test("1,000 tokens with invented kids cost at most 2 fetches, and known keys stay known", async (t) => {
  for (const verifyAll of [
    (verifier, tokens) => Promise.all(tokens.map((token) => outcome(verifier, token))),
    async (verifier, tokens) => {
      const outcomes = [];
      for (const token of tokens) outcomes.push(await outcome(verifier, token));
      return outcomes;
    },
  ]) {
    const issuer = await Issuer.start(t);
    const verifier = issuer.verifier(t);
    const outcomes = await verifyAll(verifier, Array.from({ length: 1000 }, () => withInventedKid(issuer)));
    assert.deepEqual([...new Set(outcomes)], [UNKNOWN]);
    assert.ok(issuer.count(JWKS) <= 2, issuer.count(JWKS));
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
    assert.ok(issuer.count(JWKS) <= 2);
  }
});

test("a new key is found at once, because a scheduled fetch starts no cooldown", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  const next = await newKey("EdDSA");
  issuer.keys.unshift(next.jwk);
  const tokens = Array.from({ length: 50 }, () => issuer.token({}, { key: next }));
  const outcomes = await Promise.all(tokens.map((token) => outcome(verifier, token)));
  assert.deepEqual([...new Set(outcomes)], ["accepted"]);
  assert.equal(issuer.count(JWKS), 2);
});

test("unknown kids together cost one fetch per cooldown", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  await outcome(verifier, withInventedKid(issuer));
  assert.equal(issuer.count(JWKS), 2);
  const next = await newKey();
  issuer.keys.push(next.jwk);
  issuer.now += 29.5;
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), UNKNOWN);
  assert.equal(issuer.count(JWKS), 2);
  issuer.now += 0.5;
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "accepted");
  assert.equal(issuer.count(JWKS), 3);
});

test("a kid that a fetch did not find costs no fetch for 5 minutes", async (t) => {
  const issuer = await Issuer.start(t);
  issuer.headers = { "Cache-Control": "max-age=7200" };
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  const token = withInventedKid(issuer);
  assert.equal(await outcome(verifier, token), UNKNOWN);
  issuer.now += 299;
  assert.equal(await outcome(verifier, token), UNKNOWN);
  assert.equal(issuer.count(JWKS), 2);
  issuer.now += 1;
  assert.equal(await outcome(verifier, token), UNKNOWN);
  assert.equal(issuer.count(JWKS), 3);
});

test("whether an unknown kid exists cannot be known while the key set cannot be fetched", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  issuer.answers[JWKS] = FAULTS["status 500"].bind(undefined, issuer);
  const next = await newKey();
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "Unavailable: unknown_key");
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
  delete issuer.answers[JWKS];
  issuer.keys.push(next.jwk);
  issuer.now += 30;
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "accepted");
});

test("three rotations refuse no good token, and a key that left the set is refused after the next fetch", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  const first = issuer.key;
  await verifier.verify(issuer.token());
  for (const alg of ["EdDSA", "RS256", "ES256"]) {
    const next = await newKey(alg);
    issuer.keys.unshift(next.jwk);
    await refreshed(issuer, verifier, 150); // published before it is used
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
    issuer.key = next;
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
  }
  assert.equal(await outcome(verifier, issuer.token({}, { key: first })), "accepted");
  assert.equal(issuer.count(JWKS), 4);
  issuer.keys.pop();
  await refreshed(issuer, verifier, 150);
  while ((await outcome(verifier, issuer.token({}, { key: first }))) !== UNKNOWN) await new Promise(setImmediate);
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
});

test("a key that does not fit is left out, and the others are used", async (t) => {
  const issuer = await Issuer.start(t);
  const other = await newKey();
  const rsa = await newKey("RS256");
  const small = await newKey("RS256", 1024);
  const ed = await newKey("EdDSA");
  const { d } = other.privateKey.export({ format: "jwk" });
  const bad = [
    [other, { ...other.jwk, d }, "private members"],
    [other, { ...other.jwk, k: "AAAA" }, "private members"],
    [rsa, { ...rsa.jwk, p: "AAAA" }, "private members"],
    [small, small.jwk, "too small"],
    [rsa, { ...rsa.jwk, e: "Aw" }, "exponent"],
    [rsa, { ...rsa.jwk, e: "AQ" }, "exponent"],
    [rsa, { ...rsa.jwk, e: "" }, "exponent"],
    [rsa, { ...rsa.jwk, e: "AQAC" }, "exponent"],
    [rsa, { ...rsa.jwk, n: "" }, "modulus"],
    [rsa, { ...rsa.jwk, n: `AAAA${rsa.jwk.n}` }, "modulus"],
    [rsa, { ...rsa.jwk, n: `${rsa.jwk.n}=` }, "base64url"],
    [rsa, { ...rsa.jwk, alg: "RS512" }, "alg"],
    [rsa, { ...rsa.jwk, alg: "PS256" }, "alg"],
    [rsa, { ...rsa.jwk, alg: "ES256" }, "kty"],
    [other, { ...other.jwk, alg: undefined }, "alg"],
    [other, { ...other.jwk, alg: "HS256" }, "alg"],
    [other, { ...other.jwk, alg: "toString" }, "alg"],
    [other, { ...other.jwk, use: "enc" }, "signatures"],
    [other, { ...other.jwk, key_ops: ["sign"] }, "signatures"],
    [other, { ...other.jwk, crv: "P-384" }, "crv"],
    [other, { ...other.jwk, y: other.jwk.x }, ""],
    [other, { ...other.jwk, y: undefined }, "missing"],
    [other, { ...other.jwk, kid: undefined }, "kid"],
    [other, { ...other.jwk, kid: 5 }, "kid"],
    [ed, { ...ed.jwk, x: "AAAA" }, ""],
    [ed, { ...ed.jwk, crv: "X25519" }, "crv"],
  ];
  for (const [key, jwk, message] of bad) {
    issuer.warnings = [];
    issuer.keys = [jwk, issuer.key.jwk];
    const verifier = issuer.verifier(t);
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
    assert.equal(issuer.warnings.length, 1, JSON.stringify(jwk));
    assert.match(issuer.warnings[0], new RegExp(`a key is left out .*${message}`));
    assert.ok(!issuer.warnings[0].includes(d));
    assert.equal(await outcome(verifier, issuer.token({}, { key })), UNKNOWN, JSON.stringify(jwk));
    verifier.close();
  }
});

test("a kid that occurs twice names no key, whichever comes first", async (t) => {
  const issuer = await Issuer.start(t);
  const other = await newKey();
  const twin = { ...other.jwk, kid: issuer.key.jwk.kid };
  for (const keys of [[issuer.key.jwk, twin], [twin, issuer.key.jwk], [twin, issuer.key.jwk, twin], [{ ...twin, alg: "HS256" }, issuer.key.jwk]]) {
    issuer.keys = [...keys, other.jwk];
    const verifier = issuer.verifier(t);
    assert.equal(await outcome(verifier, issuer.token()), UNKNOWN);
    assert.equal(await outcome(verifier, issuer.token({}, { key: other })), "accepted");
  }
});

test("a verifier that was closed checks nothing, and requests nothing", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t);
  await verifier.verify(issuer.token());
  verifier.close();
  verifier.start();
  assert.equal(await outcome(verifier, issuer.token()), "Unavailable: closed");
  assert.equal(issuer.count(JWKS), 1);
});
