"""How long a logout on one server takes to reach another, on both databases. `make bench-revocation` runs it."""

import asyncio
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))  # the servers that the tests start

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.postgresql import running_postgresql
from tests.support.server import running_servers

ROUNDS = 200


async def measure(settings: dict[str, str]) -> list[float]:
    with TemporaryDirectory() as folder, running_servers(Path(folder), 2, **settings) as (one, another):
        async with one.async_client() as alice, another.async_client() as guest:
            await register(alice)
            times = []
            for _ in range(ROUNDS):
                await sign_in(alice)
                guest.headers["Authorization"] = alice.headers["authorization"]
                assert (await guest.get("/profile")).status_code == 200
                await asyncio.sleep(0.003 * (_ % 20))
                await alice.post("/logout")
                answered = time.perf_counter()
                while (await guest.get("/profile")).status_code == 200:
                    pass
                times.append(time.perf_counter() - answered)
            return sorted(times)


async def main() -> None:
    shared = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET, "RATE_LIMIT_ENABLED": "false"}
    with TemporaryDirectory() as folder, running_postgresql() as postgresql:
        for url in (f"sqlite:///{folder}/shared.db", postgresql.new_empty_database()):
            times = await measure(shared | {"DATABASE_URL": url})
            p50, p99 = times[ROUNDS // 2], times[int(ROUNDS * 0.99)]
            print(
                f"{url.partition(':')[0]:10}  p50 {p50 * 1000:5.1f} ms  p99 {p99 * 1000:5.1f} ms  max {times[-1] * 1000:5.1f} ms"
            )


asyncio.run(main())
