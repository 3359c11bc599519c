"""Measures logins while others use the same cores: clients that read from this server, and other programs.

Beside readers only one client has a goal. Logins of several clients use all cores, and must leave some of their time to
the readers (chapter `logins`).
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, jwtapi_and_peers
from benchmarks.load import read_without_pause, time_logins
from benchmarks.logins import CORES, time_hashes
from rich.progress import Progress

READERS = 4
CLIENTS = (1, 8)
LOGINS = 16


@asynccontextmanager
async def busy_programs(count: int) -> AsyncIterator[None]:
    """Run `count` programs with normal priority. Each keeps one core busy."""
    programs = [await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass") for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            await program.wait()


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    beside_readers = {
        clients: Comparison(
            f"POST /login, {clients} client{'s' if clients > 1 else ''}, while {READERS} connections GET /profile",
            "logins/s",
            (Goal("jwtapi, readers", "jwtapi, quiet", at_least=0.8),) if clients == 1 else (),
        )
        for clients in CLIENTS
    }
    shares = Comparison(
        f"POST /login, 1 client: the rate beside {READERS} connections, divided by the quiet rate",
        "ratio",
        (Goal("jwtapi", "Fastify", at_least=1),),
    )
    beside_programs = Comparison(
        f"POST /login, 1 client, beside {CORES} busy programs",
        "logins/s",
        (Goal("jwtapi", "bcrypt on a thread", at_least=0.8),),
    )

    async def log_in(name: str, contestant: Contestant) -> None:
        for clients, comparison in beside_readers.items():
            comparison.add(name, LOGINS / await time_logins(contestant, count=LOGINS, clients=clients))

    async def log_in_beside_readers(name: str, contestant: Contestant) -> None:
        async with read_without_pause(f"{contestant.url}/profile", contestant.headers, connections=READERS):
            await log_in(name, contestant)

    async def log_in_beside_programs(contestant: Contestant) -> None:
        async with busy_programs(CORES):
            beside_programs.add("jwtapi", LOGINS / await time_logins(contestant, count=LOGINS, clients=1))

    async def hash_beside_programs() -> None:
        async with busy_programs(CORES):
            beside_programs.add("bcrypt on a thread", LOGINS / await time_hashes(LOGINS, threads=1))

    async with all_of(jwtapi_and_peers()) as running:
        turns = {}
        for name, contestant in running.items():
            turns[f"{name}, quiet"] = partial(log_in, f"{name}, quiet", contestant)
            turns[f"{name}, readers"] = partial(log_in_beside_readers, f"{name}, readers", contestant)
        await by_turns(progress, "Beside readers", effort.rounds, turns)
        await by_turns(
            progress,
            "Beside programs",
            effort.rounds,
            {"jwtapi": partial(log_in_beside_programs, running["jwtapi"]), "bcrypt alone": hash_beside_programs},
        )
        for name in running:
            shares.figures[name] = beside_readers[1].ratios(f"{name}, readers", f"{name}, quiet")
    return [*beside_readers.values(), shares, beside_programs]
