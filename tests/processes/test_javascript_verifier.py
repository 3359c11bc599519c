"""packages/jwtapi-verifier-js against a real server. Its own tests need no server."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import PASSWORD
from tests.support.node import printed_by
from tests.support.server import ROOT, Server, free_port

PACKAGE = ROOT / "packages" / "jwtapi-verifier-js"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (PACKAGE / "node_modules" / "jose").exists(),
    reason="Node.js is not on the PATH, or `npm install` was not run in packages/jwtapi-verifier-js",
)

# Each sign-in ends while the verifier follows the feed: the last check of each must be a refusal.
PROGRAM = """
import { Verifier } from "jwtapi-verifier";

const { issuer, clientId, clientSecret, password, rounds } = JSON.parse(process.env.TEST);
const verifier = new Verifier({ issuer, audience: issuer, clientId, clientSecret });
const outcome = (token) => verifier.verify(token).then(({ username }) => username, (error) => error.reason);

async function post(path, body, headers) {
  const answer = await fetch(issuer + path, { method: "POST", body, headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

const alice = JSON.stringify({ username: "alice", password });
await post("/register", alice, { "Content-Type": "application/json" });
const signIn = async () => (await post("/login", alice, { "Content-Type": "application/json" })).accessToken;

const outcomes = [];
for (let round = 0; round < rounds; round++) {
  const token = await signIn();
  outcomes.push(await outcome(token));
  await post("/logout", undefined, { Authorization: `Bearer ${token}` });
  let last;
  do {
    await new Promise(setImmediate);
    last = await outcome(token);
  } while (last === "alice");
  outcomes.push(last);
}
const form = new URLSearchParams({ grant_type: "client_credentials" });
const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;
const { access_token: ofService } = await post("/token", form, { Authorization: basic });
const { sub, username, scope } = await verifier.verify(ofService);
const tampered = (await signIn()).replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
console.log(JSON.stringify({ outcomes, service: { sub, username, scope }, tampered: await outcome(tampered) }));
"""


def result_of(program: str, **test: Any) -> Any:
    return printed_by(program, {"TEST": json.dumps(test)}, folder=PACKAGE)


@pytest.mark.parametrize("algorithm", ("ES256", "EdDSA", "RS256"))
def test_a_service_in_node_accepts_tokens_until_their_session_ends(tmp_path: Path, algorithm: str) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    server = Server(
        tmp_path, PORT=str(port), PUBLIC_URL=issuer, SIGNING_ALGORITHM=algorithm, RATE_LIMIT_ENABLED="false"
    )
    server.start()
    try:
        client_id, client_secret = server.new_service()
        result = result_of(
            PROGRAM, issuer=issuer, clientId=client_id, clientSecret=client_secret, password=PASSWORD, rounds=5
        )
    finally:
        server.stop()
    assert result == {
        "outcomes": ["alice", "session_ended"] * 5,
        "service": {"sub": client_id, "username": None, "scope": ["revocations"]},
        "tampered": "wrong_signature",
    }
