"""The code of docs/server-side-app.md and docs/phone-app.md, run by Node.js against a real server."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import PASSWORD
from tests.support.node import printed_by
from tests.support.server import Server, running_server

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on the PATH")

DOCS = Path(__file__).parents[2] / "docs"


def code_of(page: str) -> str:
    (code,) = re.findall(r"```js\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return str(code)


def run(server: Server, *scripts: str) -> Any:
    """What the last script's `result` is."""
    program = "\n".join((*scripts, "console.log(JSON.stringify(result)); process.exit(0);"))
    return printed_by(program, {"JWTAPI_URL": server.base_url, "PASSWORD": PASSWORD})


BEHIND_A_PROXY = """
const cookies = {};
const ids = new Set();
async function call(action, address, body, headers = {}) {
  const request = new Request(`https://app.example/auth/${action}`, {
    method: "POST",
    body: body && JSON.stringify(body),
    headers: {
      "Content-Type": "application/json",
      "X-Request-ID": "kept",
      "X-Forwarded-For": `198.51.100.9, ${address}`, // what the client made up, and what the proxy added
      Cookie: Object.entries(cookies).map((pair) => pair.join("=")).join("; "),
      ...headers,
    },
  });
  const answer = await POST(request, { params: Promise.resolve({ action }) });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    cookies[name] = value;
  }
  ids.add(answer.headers.get("X-Request-ID"));
  return answer.status;
}
const alice = { username: "alice", password: process.env.PASSWORD };
const own = { Origin: "https://app.example", "Sec-Fetch-Site": "same-origin" };
const foreign = { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" };
const result = {
  registered: await call("register", "192.0.2.1", alice, own),
  signedIn: await call("login", "192.0.2.1", alice, own),
  cookies: Object.keys(cookies).sort(),
  refreshed: await call("refresh", "192.0.2.1", undefined, own),
  foreign: await call("refresh", "192.0.2.1", undefined, foreign),
  guesses: [],
};
for (let n = 0; n < 11; n++) {
  result.guesses.push(await call("login", "192.0.2.66", { username: `nobody${n}`, password: "x" }, own));
}
result.another = await call("login", "192.0.2.2", alice, own);
result.signedOut = await call("logout", "192.0.2.1", undefined, own);
result.ids = [...ids];
result.other = await call("token", "192.0.2.1", undefined, own);
"""


def test_users_of_a_server_side_app_are_limited_by_their_own_addresses(tmp_path: Path) -> None:
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "CORS_ORIGINS": "https://app.example"}
    with running_server(tmp_path, **settings) as server:
        assert run(server, code_of("server-side-app.md"), BEHIND_A_PROXY) == {
            "registered": 201,
            "signedIn": 200,
            "cookies": ["refreshToken", "refreshTokenDevice"],
            "refreshed": 200,
            "foreign": 403,
            "guesses": [401] * 10 + [429],
            "another": 200,
            "signedOut": 200,
            "ids": ["kept"],
            "other": 404,
        }


PHONE = """
const api = process.env.JWTAPI_URL;
const stored = new Map();
const keystore = {
  get: async (name) => stored.get(name),
  set: async (name, value) => void stored.set(name, value),
  remove: async (name) => void stored.delete(name),
};
const send = globalThis.fetch;
let requests = 0;
let lose = 0;
let replace = 0;
globalThis.fetch = async (...given) => {
  requests += 1;
  const answer = await send(...given);
  if (lose-- > 0) throw new TypeError("the answer was lost");
  if (replace-- > 0) return new Response("<h1>Bad Gateway</h1>", { status: 502, headers: { "Retry-After": "7" } });
  return answer;
};
await send(`${api}/register`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ username: "alice", password: process.env.PASSWORD }),
});
"""
A_DAY = """
const codeOf = (promise) => promise.then(() => "ok", (error) => error.code ?? error.message);
const result = {
  wrong: await codeOf(login("alice", "x")),
  signedIn: await codeOf(login("alice", process.env.PASSWORD)),
};
requests = 0;
result.atOnce = await Promise.all([refresh(), refresh(), refresh()].map(codeOf));
result.requests = requests;
lose = 1;
result.lost = await codeOf(refresh());
replace = 1;
result.proxy = await refresh().catch(({ status, message, retryAfter }) => [status, message, retryAfter]);
result.wrongStatus = await login("alice", "x").catch((error) => error.status);
result.afterwards = await codeOf(refresh());
result.profile = (await send(`${api}/profile`, { headers: { Authorization: `Bearer ${accessToken}` } })).status;
await send(`${api}/logout`, { method: "POST", headers: { Authorization: `Bearer ${accessToken}` } });
result.signedOut = await codeOf(refresh());
result.stored = stored.size;
"""


def test_a_phone_app_stays_signed_in_when_an_answer_is_lost(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert run(server, PHONE, code_of("phone-app.md"), A_DAY) == {
            "wrong": "invalid_grant",
            "signedIn": "ok",
            "atOnce": ["ok"] * 3,
            "requests": 1,
            "lost": "the answer was lost",
            "proxy": [502, "/token: 502", "7"],
            "wrongStatus": 400,
            "afterwards": "ok",
            "profile": 200,
            "signedOut": "invalid_grant",
            "stored": 0,
        }
