"""Measures logins, and how much they slow other requests down."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, jwtapi_and_peers
from benchmarks.load import login_storm, send_requests, time_logins
from passlib.hash import bcrypt_sha256
from rich.progress import Progress

CORES = os.cpu_count() or 1
LOGINS = 40


async def time_hashes(count: int, threads: int = CORES) -> float:
    """Return the seconds that `count` checks of a password take on `threads` threads."""
    hashed = bcrypt_sha256.using(rounds=12).hash("a password")
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        await asyncio.gather(
            *(loop.run_in_executor(pool, bcrypt_sha256.verify, "a password", hashed) for _ in range(count))
        )
        return time.perf_counter() - started


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    logins = Comparison(
        "POST /login, 8 clients", "logins/s", (Goal("jwtapi", f"bcrypt on {CORES} threads", at_least=0.95),)
    )
    throughput = Comparison(
        "GET /profile, 4 connections, while 8 clients log in",
        "req/s",
        (Goal("jwtapi, storm", "jwtapi, quiet", at_least=0.4),),
    )
    waiting = Comparison(
        "GET /profile, 4 connections, while 8 clients log in: p99",
        "ms",
        (Goal("jwtapi, storm", "jwtapi, quiet", at_most=5),),
    )

    async def log_in(name: str, contestant: Contestant, count: int) -> None:
        logins.add(name, count / await time_logins(contestant, count=count))

    async def hash_only() -> None:
        logins.add(f"bcrypt on {CORES} threads", LOGINS / await time_hashes(LOGINS))

    async def ask(name: str, contestant: Contestant) -> None:
        load = await send_requests(
            f"{contestant.url}/profile", contestant.headers, seconds=effort.seconds, connections=4
        )
        assert load.failures == 0 or not name.startswith("jwtapi"), f"{name}: {load}"
        throughput.add(name, load.rate)
        waiting.add(name, load.p99 * 1000)

    async def ask_in_storm(name: str, contestant: Contestant) -> None:
        async with login_storm(contestant):
            await ask(name, contestant)

    async with all_of(jwtapi_and_peers()) as running:
        turns = {
            name: partial(log_in, name, contestant, LOGINS if name != "Express" else LOGINS // 4)
            for name, contestant in running.items()
        }
        await by_turns(progress, "Logins", effort.rounds, turns | {"bcrypt alone": hash_only})
        storm = {}
        for name, contestant in running.items():
            storm[f"{name}, quiet"] = partial(ask, f"{name}, quiet", contestant)
            storm[f"{name}, storm"] = partial(ask_in_storm, f"{name}, storm", contestant)
        await by_turns(progress, "Login storm", effort.rounds, storm)
    return [logins, throughput, waiting]
