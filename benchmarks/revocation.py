"""How long a logout on one server takes to reach another, on both databases: `python -m benchmarks.revocation`."""

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


async def seconds_until_heard(database_url: str) -> list[float]:
    """From the answer to a logout on the one until the other refuses the token, for each round, sorted."""
    times = []
    with two_servers(database_url) as (one, another):
        async with one.async_client() as alice, another.async_client() as guest:
            await register(alice)
            for number in track(range(ROUNDS), description=database_url.partition(":")[0]):
                await sign_in(alice)
                guest.headers["Authorization"] = alice.headers["authorization"]
                assert (await guest.get("/profile")).is_success
                await asyncio.sleep(number % 20 * 0.003)  # at another moment between two polls each time
                await alice.post("/logout")
                answered = time.perf_counter()
                while (await guest.get("/profile")).is_success:
                    pass
                times.append(time.perf_counter() - answered)
    return sorted(times)


async def main() -> None:
    with TemporaryDirectory() as folder, running_postgresql() as postgresql:
        for url in (f"sqlite:///{folder}/shared.db", postgresql.new_empty_database()):
            times = await seconds_until_heard(url)
            middle, late, last = (times[int(ROUNDS * share)] for share in (0.5, 0.99, 0.999))
            print(f"p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms, slowest {last * 1000:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
