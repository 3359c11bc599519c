"""Measures how soon another server refuses a token after a logout: `python -m benchmarks.revocation`."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import track
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.postgresql import running_postgresql
from tests.support.server import Server, running_servers

ROUNDS = 200
SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}


@contextmanager
def two_servers(database_url: str) -> Iterator[list[Server]]:
    settings = SECRETS | {"RATE_LIMIT_ENABLED": "false", "DATABASE_URL": database_url}
    with TemporaryDirectory() as folder, running_servers(Path(folder), 2, **settings) as servers:
        yield servers


async def seconds_until_refused(database_url: str) -> list[float]:
    """Return, sorted, the time of each round from the logout until the other server refuses the token."""
    times = []
    with two_servers(database_url) as (one, another):
        async with one.async_client() as alice, another.async_client() as guest:
            await register(alice)
            for number in track(range(ROUNDS), description=database_url.partition(":")[0]):
                await sign_in(alice)
                guest.headers["Authorization"] = alice.headers["authorization"]
                assert (await guest.get("/profile")).is_success
                await asyncio.sleep(number % 20 * 0.003)  # a different moment between two polls in each round
                await alice.post("/logout")
                answered = time.perf_counter()
                while (await guest.get("/profile")).is_success:
                    pass
                times.append(time.perf_counter() - answered)
    return sorted(times)


async def main() -> None:
    with TemporaryDirectory() as folder, running_postgresql() as postgresql:
        for url in (f"sqlite:///{folder}/shared.db", postgresql.new_empty_database()):
            times = await seconds_until_refused(url)
            middle, late, last = (times[int(ROUNDS * share)] for share in (0.5, 0.99, 0.999))
            print(f"p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms, slowest {last * 1000:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
