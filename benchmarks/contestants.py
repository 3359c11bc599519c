"""The programs that are measured: jwtapi, its peers, and the ceilings, each in a separate process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.server import clean_environment, free_port, running_server

PEERS = Path(__file__).with_name("peers")
PEERS_PYTHON = PEERS / "fastapi_users" / ".venv" / "bin" / "python"

JWTAPI = PEERS.parent / ".venv" / "bin" / "jwtapi"
"""Installed without the development tools, as users do. Some libraries would load those tools."""

SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
NAME, PASSWORD = "alice", "correct horse battery staple"

LIMITED = {
    "RATE_LIMIT_ENABLED": "true",
    "TRUSTED_PROXIES": "127.0.0.1",
    "REFRESH_RATE_LIMIT": "1000/second",
} | {f"{name}_RATE_LIMIT": "100000/15 minutes" for name in ("LOGIN", "ACCOUNT", "REGISTER")}
"""Settings with which jwtapi counts every attempt and refuses none. Each client has an address, and so a window."""

LogIn = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Contestant:
    url: str
    headers: Mapping[str, str]
    """The headers that its protected route requires."""
    log_in: LogIn
    pid: int
    folder: Path

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False)


@asynccontextmanager
async def jwtapi(**settings: str) -> AsyncIterator[Contestant]:
    """Run jwtapi with its default settings on SQLite, but without rate limits, which would refuse the eleventh login.

    One user signs in all the time, and the session of the first login must not end.
    """
    unlimited = {"RATE_LIMIT_ENABLED": "false", "MAX_SESSIONS_PER_USER": "10000"}
    ours = SECRETS | unlimited | {"BCRYPT_ROUNDS": "12"} | settings
    with TemporaryDirectory() as folder, running_server(Path(folder), (JWTAPI, "serve"), **ours) as server:
        yield await _signed_in(server.base_url, server.pid, Path(folder))


async def _log_in(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/login", json={"username": NAME, "password": PASSWORD})


async def _signed_in(url: str, pid: int, folder: Path) -> Contestant:
    """Register and sign in at a server that has the routes of jwtapi."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        (await client.post("/register", json={"username": NAME, "password": PASSWORD})).raise_for_status()
        token = (await _log_in(client)).raise_for_status().json()["accessToken"]
    return Contestant(url, {"Authorization": f"Bearer {token}"}, _log_in, pid, folder)


async def api_key_of(contestant: Contestant) -> str:
    """Make an API key of the user who has just signed in at jwtapi."""
    async with contestant.client() as client:
        made = await client.post("/api/keys", headers=contestant.headers, json={"name": "benchmark"})
    return str(made.raise_for_status().json()["key"])


@asynccontextmanager
async def express() -> AsyncIterator[Contestant]:
    """Run the server of the tutorial."""
    async with _running("node", str(PEERS / "express" / "server.js")) as started:
        yield await _signed_in(*started)


@asynccontextmanager
async def fastify(**settings: str) -> AsyncIterator[Contestant]:
    """Run a lean server. Its database is `peer.db` in its folder."""
    async with _running("node", str(PEERS / "fastify" / "server.js"), **settings) as started:
        yield await _signed_in(*started)


@asynccontextmanager
async def fastapi_users() -> AsyncIterator[Contestant]:
    email = f"{NAME}@example.org"

    async def log_in(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/auth/jwt/login", data={"username": email, "password": PASSWORD})

    command = (str(PEERS_PYTHON), *_uvicorn("app:app"), "--app-dir", str(PEERS / "fastapi_users"))
    async with _running(*command) as (url, pid, folder):
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.post("/auth/register", json={"email": email, "password": PASSWORD})
            token = (await log_in(client)).json()["access_token"]
        yield Contestant(url, {"Authorization": f"Bearer {token}"}, log_in, pid, folder)


def jwtapi_and_peers() -> dict[str, AbstractAsyncContextManager[Contestant]]:
    return {"jwtapi": jwtapi(), "Fastify": fastify(), "Express": express(), "fastapi-users": fastapi_users()}


@asynccontextmanager
async def ceiling(app: str) -> AsyncIterator[Contestant]:
    """Run an app of `ceilings.py`."""

    async def log_in(client: httpx.AsyncClient) -> httpx.Response:
        raise NotImplementedError

    command = (sys.executable, *_uvicorn(f"benchmarks.ceilings:{app}"), "--app-dir", str(PEERS.parents[1]))
    async with _running(*command) as (url, pid, folder):
        yield Contestant(url, {"Authorization": "Bearer of-nothing"}, log_in, pid, folder)


@asynccontextmanager
async def all_of(
    contestants: Mapping[str, AbstractAsyncContextManager[Contestant]],
) -> AsyncIterator[dict[str, Contestant]]:
    """Run all of them until the block ends."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(started) for name, started in contestants.items()}


def _uvicorn(app: str) -> tuple[str, ...]:
    return ("-m", "uvicorn", app, "--no-access-log", "--log-level", "warning")


@asynccontextmanager
async def _running(*command: str, **settings: str) -> AsyncIterator[tuple[str, int, Path]]:
    port = str(free_port())
    with TemporaryDirectory() as folder, Path(folder, "server.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(command if command[0] == "node" else (*command, "--port", port)),
            cwd=folder,
            env=clean_environment(**SECRETS | {"PORT": port, "NODE_ENV": "production"} | settings),
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            await _until_it_answers(url, process)
            yield url, process.pid, Path(folder)
        finally:
            process.terminate()
            await process.wait()


async def _until_it_answers(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(url)
            except httpx.TransportError:
                assert process.returncode is None, "the server ended"
                await asyncio.sleep(0.05)
            else:
                return
