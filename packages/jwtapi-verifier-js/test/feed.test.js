import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { CLIENT, Issuer, json, outcome, until } from "./support/issuer.js";
import { newKey } from "./support/keys.js";

const FEED = "/revocations";
const JWKS = "/.well-known/jwks.json";

async function live(t, options) {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t, { ...CLIENT, ...options });
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
  assert.equal(verifier.feedIsLive, true);
  return { issuer, verifier };
}

/** Waits until a token is no longer accepted. */
async function refusal(verifier, token) {
  for (;;) {
    const result = await outcome(verifier, token);
    if (result !== "accepted") return result;
    await new Promise(setImmediate);
  }
}

function endSession(issuer, sid) {
  issuer.revoke({ sessions: [{ sid, until: issuer.now + 960 }] });
}

test("the tokens of a session that ended are refused, and no others", async (t) => {
  const { issuer, verifier } = await live(t);
  const [ended, other] = [randomUUID(), randomUUID()];
  endSession(issuer, ended);
  assert.equal(await refusal(verifier, issuer.token({ sid: ended })), "InvalidToken: session_ended");
  assert.equal(await outcome(verifier, issuer.token({ sid: other })), "accepted");
});

test("what ended before the verifier started is known before the first token is checked", async (t) => {
  const issuer = await Issuer.start(t);
  const sid = randomUUID();
  endSession(issuer, sid);
  const verifier = issuer.verifier(t, CLIENT);
  assert.equal(await outcome(verifier, issuer.token({ sid })), "InvalidToken: session_ended");
});

test("tokens with another name or other roles than the user has now are refused", async (t) => {
  const { issuer, verifier } = await live(t);
  const { sub } = issuer.claims();
  const until = issuer.now + 960;
  issuer.revoke({ users: [{ sub, active: true, username: "alice", roles: ["staff"], until }] });
  assert.equal(await refusal(verifier, issuer.token()), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, issuer.token({ roles: ["staff"] })), "accepted");
  assert.equal(await outcome(verifier, issuer.token({ roles: ["staff", "admin"] })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, issuer.token({ roles: [] })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, issuer.token({ roles: ["staff"], username: "bob" })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, issuer.token({ sub: randomUUID() })), "accepted");
  // The next entry of the same user replaces this one, and the order of roles does not matter.
  issuer.revoke({ users: [{ sub, active: true, username: "alicia", roles: ["b", "a"], until }] });
  assert.equal(await refusal(verifier, issuer.token({ roles: ["staff"] })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, issuer.token({ username: "alicia", roles: ["a", "b"] })), "accepted");
  issuer.revoke({ users: [{ sub, active: false, until }] });
  assert.equal(await refusal(verifier, issuer.token({ username: "alicia", roles: ["a", "b"] })), "InvalidToken: user_changed");
});

test("tokens with other own claims than the user has now are refused", async (t) => {
  const { issuer, verifier } = await live(t);
  const { sub } = issuer.claims();
  const user = { sub, active: true, username: "alice", roles: ["staff"], until: issuer.now + 960 };
  issuer.revoke({ users: [{ ...user, claims: { app: { b: [1], a: "x" } } }] });
  const token = (/** @type {unknown} */ app) => issuer.token({ roles: ["staff"], app });
  assert.equal(await refusal(verifier, token({ a: "y", b: [1] })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, token({ a: "x", b: [true] })), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, token({})), "InvalidToken: user_changed");
  assert.equal(await outcome(verifier, token({ a: "x", b: [1] })), "accepted");
  assert.equal(await outcome(verifier, token(undefined)), "accepted"); // from before there was such a claim
});

test("the tokens of a deleted client are refused, but not those of users that signed in with it", async (t) => {
  const { issuer, verifier } = await live(t);
  const client = randomUUID();
  issuer.revoke({ clients: [{ client_id: client, until: issuer.now + 960 }] });
  const ofService = { sub: client, client_id: client, sid: undefined, username: undefined, roles: undefined };
  assert.equal(await refusal(verifier, issuer.token(ofService)), "InvalidToken: client_deleted");
  assert.equal(await outcome(verifier, issuer.token({ client_id: client })), "accepted");
  assert.equal(await outcome(verifier, issuer.token({ sub: client })), "accepted");
});

test("the tokens of a revoked key are refused while the key is still in the key set", async (t) => {
  const { issuer, verifier } = await live(t);
  const next = await newKey();
  issuer.keys.unshift(next.jwk);
  issuer.revoke({ keys: [{ kid: issuer.key.jwk.kid, until: issuer.now + 960 }] });
  assert.equal(await refusal(verifier, issuer.token()), "InvalidToken: key_revoked");
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "accepted");
});

test("a revoked key is never forgotten, because its thief can make tokens that expire later", async (t) => {
  const { issuer, verifier } = await live(t);
  const next = await newKey();
  issuer.keys.unshift(next.jwk);
  issuer.revoke({ keys: [{ kid: issuer.key.jwk.kid, until: issuer.now + 960 }] });
  await refusal(verifier, issuer.token());
  for (const cursorsAreLost of [false, true]) {
    issuer.now += 5000;
    if (cursorsAreLost) {
      issuer.changes = [];
      issuer.loseCursors();
    }
    const sid = randomUUID();
    endSession(issuer, sid);
    while ((await outcome(verifier, issuer.token({ sid }, { key: next }))) !== "InvalidToken: session_ended") await new Promise(setImmediate);
    assert.equal(await outcome(verifier, issuer.token()), "InvalidToken: key_revoked");
  }
});

test("the key that signs after a revocation is known soon, although strangers have used up the fetch for unknown kids", async (t) => {
  const { issuer, verifier } = await live(t);
  await outcome(verifier, issuer.token({}, { header: { kid: randomUUID() } }));
  const next = await newKey();
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "InvalidToken: unknown_key");
  issuer.keys = [next.jwk];
  issuer.revoke({ keys: [{ kid: issuer.key.jwk.kid, until: issuer.now + 960 }] });
  while ((await outcome(verifier, issuer.token({}, { key: next }))) !== "accepted") await new Promise(setImmediate);
});

test("a revoked key that has left the key set is not looked for", async (t) => {
  const { issuer, verifier } = await live(t);
  const next = await newKey();
  issuer.keys = [next.jwk];
  issuer.revoke({ keys: [{ kid: issuer.key.jwk.kid, until: issuer.now + 960 }] });
  assert.equal(await refusal(verifier, issuer.token()), "InvalidToken: key_revoked");
  while ((await outcome(verifier, issuer.token({}, { key: next }))) !== "accepted") await new Promise(setImmediate);
  const fetches = issuer.count(JWKS);
  assert.equal(await outcome(verifier, issuer.token()), "InvalidToken: key_revoked");
  assert.equal(issuer.count(JWKS), fetches);
});

test("a fetch that has started before a key was revoked is followed by another", async (t) => {
  const { issuer, verifier } = await live(t);
  const old = { keys: [...issuer.keys] };
  const next = await newKey();
  issuer.keys = [next.jwk];
  let held;
  issuer.answers[JWKS] = (_, response) => (held = response);
  issuer.now += 151;
  verifier.start();
  await until(() => held && verifier.feedIsLive);
  delete issuer.answers[JWKS];
  const { jwk } = issuer.key;
  issuer.revoke({ keys: [{ kid: jwk.kid, until: issuer.now + 960 }] });
  assert.equal(await refusal(verifier, issuer.token()), "InvalidToken: key_revoked");
  json(held, 200, old);
  await until(() => issuer.count(JWKS) === 3);
  assert.equal(await outcome(verifier, issuer.token({}, { key: next })), "accepted");
  assert.equal(issuer.count(JWKS), 3);
});

test("an entry is forgotten when every token that it concerns has expired", async (t) => {
  const { issuer, verifier } = await live(t);
  const sid = randomUUID();
  issuer.revoke({ sessions: [{ sid, until: issuer.now + 960 }] });
  await refusal(verifier, issuer.token({ sid }));
  issuer.now += 961;
  // A token that jwtapi never makes, because it lives longer than the entry, shows that the entry is gone.
  const longLived = issuer.token({ sid });
  endSession(issuer, randomUUID());
  while ((await outcome(verifier, longLived)) !== "accepted") await new Promise(setImmediate);
});

test("a clock that is set back makes the feed silent until it has stated everything anew", async (t) => {
  const { issuer, verifier } = await live(t);
  const sid = randomUUID();
  endSession(issuer, sid);
  await refusal(verifier, issuer.token({ sid }));
  issuer.now += 2000;
  endSession(issuer, randomUUID()); // makes the verifier drop the first entry
  await until(() => verifier.feedIsLive);
  await until(() => issuer.requests.at(-1).endsWith("after=1.2"));
  issuer.now -= 2000;
  assert.equal(verifier.feedIsLive, false);
  await until(() => verifier.feedIsLive);
  assert.equal(await outcome(verifier, issuer.token({ sid })), "InvalidToken: session_ended");
});

test("an answer to a request of more than 5 seconds ago does not make the feed live", async (t) => {
  const { issuer, verifier } = await live(t);
  const held = [];
  issuer.answers[FEED] = (...given) => held.push(given);
  const release = () => {
    const [, response] = held.shift();
    json(response, 200, { cursor: "1.0", reset: false, sessions: [], users: [], clients: [], keys: [] });
  };
  await until(() => held.length === 1);
  issuer.now += 6; // as if the process had been stopped
  release();
  await until(() => held.length === 1);
  assert.equal(verifier.feedIsLive, false);
  release();
  await until(() => held.length === 1);
  assert.equal(verifier.feedIsLive, true);
});

test("a cut connection is opened again at once, and nothing revoked is accepted once the feed is live", async (t) => {
  const { issuer, verifier } = await live(t);
  for (let round = 0; round < 20; round++) {
    const sid = randomUUID();
    issuer.cut();
    endSession(issuer, sid);
    assert.equal(await refusal(verifier, issuer.token({ sid })), "InvalidToken: session_ended");
  }
  assert.equal(verifier.feedIsLive, true);
});

test("after an outage of the issuer, what was revoked meanwhile is known before the feed is live", async (t) => {
  const { issuer, verifier } = await live(t);
  for (const cursorsAreLost of [false, true]) {
    const [before, meanwhile] = [randomUUID(), randomUUID()];
    endSession(issuer, before);
    await refusal(verifier, issuer.token({ sid: before }));
    await issuer.stop();
    endSession(issuer, meanwhile);
    if (cursorsAreLost) issuer.loseCursors();
    issuer.now += 6;
    assert.equal(verifier.feedIsLive, false);
    assert.equal(await outcome(verifier, issuer.token({ sid: meanwhile })), "Unavailable: feed_silent");
    assert.equal(await outcome(verifier, issuer.token({ sid: before })), "InvalidToken: session_ended");

    await issuer.listen();
    await until(() => verifier.feedIsLive);
    assert.equal(await outcome(verifier, issuer.token({ sid: meanwhile })), "InvalidToken: session_ended");
    assert.equal(await outcome(verifier, issuer.token({ sid: before })), "InvalidToken: session_ended");
    assert.equal(await outcome(verifier, issuer.token()), "accepted");
  }
});

test("a reset replaces what was known before", async (t) => {
  const { issuer, verifier } = await live(t);
  const [mistaken, ended] = [randomUUID(), randomUUID()];
  endSession(issuer, mistaken);
  await refusal(verifier, issuer.token({ sid: mistaken }));
  issuer.changes = [];
  endSession(issuer, ended);
  issuer.loseCursors();
  await refusal(verifier, issuer.token({ sid: ended }));
  assert.equal(await outcome(verifier, issuer.token({ sid: mistaken })), "accepted");
});

const BAD_ANSWERS = {
  "status 500": (_, response) => json(response, 500, {}),
  "status 403": (_, response) => json(response, 403, {}),
  "a redirect": (_, response) => response.writeHead(302, { Location: "/elsewhere" }).end(),
  "half an answer": (request, response) => {
    response.writeHead(200, { "Content-Length": 10_000 });
    response.write('{"cursor":"1.1"', () => request.socket.destroy());
  },
  "no JSON": (_, response) => response.end("<html>"),
  "no object": (_, response) => json(response, 200, null),
  "no cursor": (_, response) => json(response, 200, { reset: true, sessions: [], users: [], clients: [], keys: [] }),
  "an endless cursor": (_, response) =>
    json(response, 200, { cursor: "x".repeat(5000), reset: true, sessions: [], users: [], clients: [], keys: [] }),
  "a cursor that is no text of Unicode": (_, response) =>
    response.end('{"cursor":"\\ud800","reset":true,"sessions":[],"users":[],"clients":[],"keys":[]}'),
  "no lists": (_, response) => json(response, 200, { cursor: "x", reset: false }),
  "a session without an id": (_, response) =>
    json(response, 200, { cursor: "x", reset: false, sessions: [{ until: 1 }], users: [], clients: [], keys: [] }),
  "a user whose claims are no object": (_, response) =>
    json(response, 200, { cursor: "x", reset: false, sessions: [], users: [{ sub: "a", active: true, username: "a", roles: [], claims: "x", until: 1 }], clients: [], keys: [] }),
  "a user without roles": (_, response) =>
    json(response, 200, { cursor: "x", reset: false, sessions: [], users: [{ sub: "a", active: true, until: 1 }], clients: [], keys: [] }),
};

for (const [name, answer] of Object.entries(BAD_ANSWERS)) {
  test(`an answer of the feed with ${name} does not count as one, and loses nothing`, async (t) => {
    const { issuer, verifier } = await live(t);
    const sid = randomUUID();
    issuer.answers[FEED] = answer;
    const before = issuer.count(FEED);
    endSession(issuer, sid);
    await until(() => issuer.count(FEED) >= before + 2); // tried again at once
    issuer.now += 6;
    assert.equal(verifier.feedIsLive, false);
    assert.match(issuer.warnings.join("\n"), /the revocation feed failed/);
    delete issuer.answers[FEED];
    await until(() => verifier.feedIsLive);
    assert.equal(await outcome(verifier, issuer.token({ sid })), "InvalidToken: session_ended");
    assert.equal(issuer.count("/elsewhere"), 0);
  });
}

test("a first answer that is not complete does not count", async (t) => {
  const issuer = await Issuer.start(t);
  issuer.answers[FEED] = (_, response) =>
    json(response, 200, { cursor: "x", reset: false, sessions: [], users: [], clients: [], keys: [] });
  const verifier = issuer.verifier(t, CLIENT);
  verifier.start();
  await until(() => issuer.count(FEED) >= 3);
  assert.equal(verifier.feedIsLive, false);
  assert.ok(issuer.requests.every((path) => !path.includes("after=")));
});

test("a token of the service itself that was refused is replaced, and one that works is kept", async (t) => {
  const { issuer, verifier } = await live(t);
  await until(() => issuer.count(FEED) >= 3);
  assert.equal(issuer.count("/token"), 1);
  issuer.answers[FEED] = (_, response) => json(response, 401, {});
  await until(() => issuer.count("/token") >= 2);
  delete issuer.answers[FEED];
  issuer.now += 6;
  await until(() => verifier.feedIsLive);
  const before = issuer.count("/token");
  issuer.now += 800; // 900 is its lifetime
  await until(() => issuer.count("/token") > before);
});

test("wrong credentials leave the feed silent, and no secret is in a warning or in what is shown of a verifier", async (t) => {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t, { clientId: "orders", clientSecret: "jwtapi_wrong", onSilence: "accept" });
  verifier.start();
  await until(() => issuer.warnings.length > 0);
  assert.match(issuer.warnings[0], /\/token answered 401/);
  const { inspect } = await import("node:util");
  const shown = inspect(verifier, { depth: 9, showHidden: true }) + JSON.stringify(verifier) + issuer.warnings.join();
  assert.ok(!shown.includes("jwtapi_wrong"));
  assert.ok(!issuer.requests.join().includes("jwtapi_"));
});

test("more than 200,000 entries make the feed silent, and the memory stays bounded", async (t) => {
  const { issuer, verifier } = await live(t);
  const entries = Array.from({ length: 200_001 }, (_, n) => ({ sid: `session-${n}`, until: issuer.now + 960 }));
  issuer.revoke({ sessions: entries });
  await until(() => issuer.warnings.length > 0);
  assert.match(issuer.warnings[0], /more than 200000 revocations/);
  assert.equal(verifier.feedIsLive, false);
  assert.equal(await outcome(verifier, issuer.token()), "Unavailable: feed_silent");
});

test("entries that have expired make room for others", async (t) => {
  const { issuer, verifier } = await live(t);
  const entries = (name) => Array.from({ length: 150_000 }, (_, n) => ({ sid: `${name}-${n}`, until: issuer.now + 960 }));
  issuer.revoke({ sessions: entries("first") });
  await refusal(verifier, issuer.token({ sid: "first-149999" }));
  issuer.now += 961;
  issuer.revoke({ sessions: entries("second") });
  await until(() => verifier.feedIsLive);
  assert.equal(await refusal(verifier, issuer.token({ sid: "second-149999" })), "InvalidToken: session_ended");
  assert.deepEqual(issuer.warnings, []);
});

test("a feed that answers without waiting is not asked in a tight loop", async (t) => {
  const { issuer } = await live(t);
  issuer.wait = 0;
  const [before, begun] = [issuer.count(FEED), performance.now()];
  await until(() => issuer.count(FEED) >= before + 5);
  assert.ok(performance.now() - begun >= 4 * 50 - 5); // a promised bound
});
