"""Compares POST /refresh with a lean server and with the same SQL statements without HTTP and tokens.

Each client has a session, and sends the cookie of the response before. Every commit waits for the disk.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bare_sql import TASKS, refresh_postgresql, refresh_sqlite
from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import LIMITED, Contestant, all_of, fastify, jwtapi
from benchmarks.load import refresh_in_a_row
from benchmarks.population import durable_postgresql, fill
from rich.progress import Progress

CLIENTS = TASKS
QUICK = {"BCRYPT_ROUNDS": "4"}
"""Settings for quick logins: each turn begins with new sessions."""

JWTAPI_LIMITED = "jwtapi, limits in the database"

Contestants = Mapping[str, AbstractAsyncContextManager[Contestant]]
Ceilings = Mapping[str, Callable[[], Awaitable[float]]]


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    with TemporaryDirectory() as folder, durable_postgresql() as postgresql:
        file = Path(folder, "bare.db")
        await fill(f"sqlite:///{file}", users=CLIENTS, sessions=CLIENTS)
        rotate = partial(refresh_sqlite, file, effort.seconds)
        on_sqlite = await _compare(
            progress,
            effort,
            "SQLite",
            {"jwtapi": jwtapi(**QUICK), JWTAPI_LIMITED: jwtapi(**QUICK, **LIMITED), "Fastify": fastify(**QUICK)},
            {
                "bare sqlite3, a commit each": partial(rotate, units_a_commit=1),
                f"bare sqlite3, {CLIENTS} a commit": partial(rotate, units_a_commit=CLIENTS),
            },
            Goal("jwtapi", "Fastify", at_least=0.8, aim=1.2),
        )
        url = postgresql.new_database()
        await fill(url, users=CLIENTS, sessions=CLIENTS)
        on_postgresql = await _compare(
            progress,
            effort,
            "PostgreSQL",
            {
                "jwtapi": jwtapi(**QUICK, DATABASE_URL=postgresql.new_database()),
                JWTAPI_LIMITED: jwtapi(**QUICK, **LIMITED, DATABASE_URL=postgresql.new_database()),
            },
            {"bare asyncpg": partial(refresh_postgresql, url, effort.seconds)},
            Goal("jwtapi", "bare asyncpg", at_least=0.8),
        )
    return [*on_sqlite, *on_postgresql]


async def _compare(  # noqa: PLR0913, PLR0917  what differs between the databases
    progress: Progress, effort: Effort, kind: str, contestants: Contestants, ceilings: Ceilings, goal: Goal
) -> list[Comparison]:
    title = f"POST /refresh, {CLIENTS} clients, {kind}"
    rates = Comparison(title, "req/s", (goal,))
    waiting = Comparison(f"{title}: p50 and p99", "ms", (Goal("jwtapi, p99", "jwtapi, p50", at_most=3),))

    async def refresh(name: str, contestant: Contestant) -> None:
        load = await refresh_in_a_row(contestant, seconds=effort.seconds, clients=CLIENTS)
        rates.add(name, load.rate)
        waiting.add(f"{name}, p50", load.p50 * 1000)
        waiting.add(f"{name}, p99", load.p99 * 1000)

    async def rotate(name: str, ceiling: Callable[[], Awaitable[float]]) -> None:
        rates.add(name, await ceiling())

    async with all_of(contestants) as running:
        turns = {name: partial(refresh, name, contestant) for name, contestant in running.items()}
        turns |= {name: partial(rotate, name, ceiling) for name, ceiling in ceilings.items()}
        await by_turns(progress, title, effort.rounds, turns)
    return [rates, waiting]
