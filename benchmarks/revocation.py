"""Measures how soon another server notices that something was taken away: `python -m benchmarks.revocation`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.progress import track
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.postgresql import running_postgresql
from tests.support.server import Server, running_servers

from jwtapi.composition import open_services, settings_class
from jwtapi.features.admin.service import AdminService
from jwtapi.services import Services
from jwtapi.settings import load_settings
from jwtapi.storage.change_feed import ChangeFeed

ROUNDS = 200
SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
ROLE = "staff"

Take = Callable[[], Awaitable[object]]


@contextmanager
def two_servers(database_url: str) -> Iterator[list[Server]]:
    settings = SECRETS | {"RATE_LIMIT_ENABLED": "false", "DATABASE_URL": database_url}
    with TemporaryDirectory() as folder, running_servers(Path(folder), 2, **settings) as servers:
        yield servers


@asynccontextmanager
async def administration(database_url: str) -> AsyncIterator[Services]:
    """A third process on the database, this one, with its change feed."""
    secrets = {"jwt_secret": JWT_SECRET, "refresh_secret": REFRESH_SECRET}
    settings = load_settings(env_file=None, kind=settings_class(), database_url=database_url, **secrets)
    async with open_services(settings) as services:
        feed = asyncio.create_task(services[ChangeFeed].run())
        try:
            yield services
        finally:
            feed.cancel()
            with suppress(asyncio.CancelledError):
                await feed


class Rounds:
    """Each method prepares a round: `guest` is let in by another server, until the returned function has been called.

    `alice` is signed in.
    """

    def __init__(self, alice: httpx.AsyncClient, guest: httpx.AsyncClient, services: Services) -> None:
        self._alice = alice
        self._guest = guest
        self._services = services

    async def logout(self) -> Take:
        await sign_in(self._alice)
        self._guest.headers["Authorization"] = self._alice.headers["authorization"]
        return lambda: self._alice.post("/logout")

    async def revoked_key(self) -> Take:
        await sign_in(self._alice)
        made = (await self._alice.post("/api/keys", json={"name": "benchmark"})).raise_for_status().json()
        self._guest.headers["Authorization"] = f"Bearer {made['key']}"
        return lambda: self._alice.delete(f"/api/keys/{made['id']}")

    async def role_of_a_token(self) -> Take:
        admin = self._services[AdminService]
        await admin.change_roles("alice", add=[ROLE], remove=[])
        await sign_in(self._alice)
        self._guest.headers["Authorization"] = self._alice.headers["authorization"]
        return lambda: admin.change_roles("alice", add=[], remove=[ROLE])

    async def role_of_a_key(self) -> Take:
        take = await self.role_of_a_token()
        made = (await self._alice.post("/api/keys", json={"name": "benchmark"})).raise_for_status().json()
        for key in (await self._alice.get("/api/keys")).json()["keys"]:
            if key["id"] != made["id"]:
                await self._alice.delete(f"/api/keys/{key['id']}")
        self._guest.headers["Authorization"] = f"Bearer {made['key']}"
        return take


async def seconds_until_noticed(database_url: str) -> dict[str, list[float]]:
    """Return the seconds from each commit until the other server knows, sorted, by what was taken away."""
    found: dict[str, list[float]] = {}
    with two_servers(database_url) as (one, another):
        async with one.async_client() as alice, another.async_client() as guest:
            await register(alice)
            async with administration(database_url) as services:
                rounds = Rounds(alice, guest, services)
                for prepare in (rounds.logout, rounds.revoked_key, rounds.role_of_a_token, rounds.role_of_a_key):
                    times = []
                    for number in track(range(ROUNDS), description=prepare.__name__):
                        take = await prepare()
                        roles = await _roles(guest)
                        assert roles is not None
                        await asyncio.sleep(number % 20 * 0.003)  # another moment between two polls in each round
                        await take()
                        committed = time.perf_counter()
                        while await _roles(guest) == roles:
                            pass
                        times.append(time.perf_counter() - committed)
                    found[prepare.__name__.replace("_", " ")] = sorted(times)
    return found


async def _roles(guest: httpx.AsyncClient) -> str | None:
    """Return the roles that the server lets the guest in with, or None if it does not."""
    response = await guest.get("/auth/verify")
    return response.headers["x-auth-roles"] if response.is_success else None


async def main() -> None:
    with TemporaryDirectory() as folder, running_postgresql() as postgresql:
        for url in (f"sqlite:///{folder}/shared.db", postgresql.new_empty_database()):
            print(url.partition(":")[0])
            for taken, times in (await seconds_until_noticed(url)).items():
                middle, late, last = (times[int(ROUNDS * share)] for share in (0.5, 0.99, 0.999))
                print(f"  {taken}: p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms, slowest {last * 1000:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
