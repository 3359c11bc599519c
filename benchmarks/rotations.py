"""Turns the keys three times while libraries check each token: `python -m benchmarks.rotations` (4 minutes).

Each library has its defaults, and SIGNING_KEY_PREPUBLISH is 45 seconds: longer than any of them waits before it fetches
again for a key that it does not know. At the end the key is revoked in an emergency.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import jwt
from rich.progress import Progress
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.server import Server, free_port, running_server

from jwtapi_verifier import InvalidToken, Verifier

TOKENS = 10_000
ROTATIONS = 3
PREPUBLISH = 45
SECONDS = PREPUBLISH + 10
"""From one rotation to the next."""

ROOT = Path(__file__).parents[1]
NODE_FOLDER = ROOT / "tests" / "javascript"
NODE_VERIFIER = ROOT / "packages" / "jwtapi-verifier-js"
ALICE = {"username": "alice", "password": PASSWORD}

Check = Callable[[str], Awaitable[dict[str, str]]]
"""Returns why libraries refuse a token, by library."""


@asynccontextmanager
async def node_libraries(url: str, client: tuple[str, str]) -> AsyncIterator[Check]:
    process = await asyncio.create_subprocess_exec(
        *("node", str(Path(__file__).with_suffix(".mjs")), url, url, str(NODE_FOLDER), str(NODE_VERIFIER), *client),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    write, read = process.stdin, process.stdout

    async def check(token: str) -> dict[str, str]:
        write.write(f"{token}\n".encode())
        refused: dict[str, str] = json.loads(await read.readline())
        return refused

    try:
        yield check
    finally:
        write.close()
        await process.wait()


@asynccontextmanager
async def python_libraries(url: str, client: tuple[str, str]) -> AsyncIterator[Check]:
    keys = jwt.PyJWKClient(f"{url}/.well-known/jwks.json")

    def by_pyjwt(token: str) -> None:
        key = keys.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, ["ES256"], audience=url, issuer=url)

    async with Verifier(url, url, client_id=client[0], client_secret=client[1]) as verifier:

        async def check(token: str) -> dict[str, str]:
            refused = {}
            try:
                await asyncio.to_thread(by_pyjwt, token)
            except jwt.PyJWTError as error:
                refused["PyJWKClient"] = repr(error)
            try:
                await verifier.verify(token)
            except InvalidToken as error:
                refused["jwtapi-verifier for Python"] = error.reason
            return refused

        yield check


def kid_of(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


async def new_token(client: httpx.AsyncClient) -> str:
    """Refresh the session: each refresh signs a token."""
    token: str = (await client.post("/refresh")).raise_for_status().json()["accessToken"]
    return token


async def main() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"PORT": str(port), "PUBLIC_URL": url, "SIGNING_ALGORITHM": "ES256", "RATE_LIMIT_ENABLED": "false"}
    settings |= {"SIGNING_KEY_PREPUBLISH": str(PREPUBLISH), "JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
    with TemporaryDirectory() as folder, running_server(Path(folder), **settings) as server:
        service = server.new_service()
        async with (
            server.async_client() as alice,
            node_libraries(url, service) as in_node,
            python_libraries(url, service) as in_python,
        ):
            await alice.post("/register", json=ALICE)
            (await alice.post("/login", json=ALICE)).raise_for_status()
            kids, refused = await _turn_keys(server, alice, in_node, in_python)
            print(f"{TOKENS} tokens of {len(kids)} keys: {sum(refused.values())} false refusals {dict(refused)}")
            token = await new_token(alice)
            server.run("keys", "revoke", "--yes", "--", kid_of(token))
            await _report_revocation(token, alice, in_node, in_python)


async def _turn_keys(
    server: Server, alice: httpx.AsyncClient, in_node: Check, in_python: Check
) -> tuple[set[str], Counter[str]]:
    kids: set[str] = set()
    refused: Counter[str] = Counter()
    started, rotations = time.monotonic(), 0
    with Progress() as progress:
        task = progress.add_task("tokens", total=TOKENS)
        for number in range(TOKENS):
            if rotations < ROTATIONS and time.monotonic() - started > 5 + rotations * SECONDS:
                await asyncio.to_thread(server.run, "keys", "rotate")
                rotations += 1
            token = await new_token(alice)
            kids.add(kid_of(token))
            for name, why in ((await in_node(token)) | (await in_python(token))).items():
                refused[f"{name}: {why}"] += 1
            progress.advance(task)
            due = started + number / TOKENS * (ROTATIONS * SECONDS + 15)
            await asyncio.sleep(max(0, due - time.monotonic()))
    assert len(kids) == ROTATIONS + 1, f"the tokens were of {len(kids)} keys"
    return kids, refused


async def _report_revocation(token: str, alice: httpx.AsyncClient, in_node: Check, in_python: Check) -> None:
    """Print when each library begins to refuse a token whose key was revoked, within ten seconds."""
    revoked = time.monotonic()
    seen: dict[str, float] = {}
    while time.monotonic() - revoked < 10:
        profile = await alice.get("/profile", headers={"Authorization": f"Bearer {token}"})
        refused = {"jwtapi": "401"} if profile.status_code == 401 else {}
        refused |= (await in_node(token)) | (await in_python(token))
        for name in refused:
            seen.setdefault(name, time.monotonic() - revoked)
    for name, seconds in seen.items():
        print(f"revoked key refused by {name} after {seconds * 1000:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
