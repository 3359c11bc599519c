"""Compares POST /refresh with the same SQL statements without HTTP and tokens."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import jwtapi
from benchmarks.load import send_requests
from benchmarks.population import driver_url, durable_postgresql, fill, some_sessions, write_refreshes
from rich.progress import Progress

from jwtapi.clock import system_clock
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import Session
from jwtapi.storage.users import User

CONNECTIONS = 32
MAX_PER_SECOND = 3000


async def rotate(url: str, found: Iterator[tuple[Session, User]], seconds: float) -> float:
    """Return how many transactions of a refresh the database does per second."""
    database = Database(driver_url(url))
    done = 0
    deadline = time.perf_counter() + seconds

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < deadline:
            session, _ = next(found)
            now = system_clock()
            async with database.write() as uow:
                assert await uow.sessions.with_user(session.id) is not None
                assert await uow.sessions.rotate(session, now=now, expires_at=now + timedelta(days=7)) is not None
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    taken = time.perf_counter() - started
    await database.close()
    return done / taken


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    with durable_postgresql() as postgresql, TemporaryDirectory() as folder:
        return [
            await _compare(progress, effort, "SQLite", f"sqlite:///{folder}/refreshes.db", Path(folder)),
            await _compare(progress, effort, "PostgreSQL", postgresql.new_database(), Path(folder)),
        ]


async def _compare(progress: Progress, effort: Effort, kind: str, url: str, folder: Path) -> Comparison:
    comparison = Comparison(
        f"POST /refresh, {CONNECTIONS} connections, {kind}", "req/s", (Goal("jwtapi", "the SQL alone", at_least=0.5),)
    )
    per_turn = int(MAX_PER_SECOND * effort.seconds)
    count = 2 * per_turn * effort.rounds
    await fill(url, users=count // 5, sessions=count)
    found = iter(await some_sessions(url, count))
    requests = folder / "refreshes"

    async with jwtapi(DATABASE_URL=url) as ours:

        async def refresh() -> None:
            # Use each token once, because the response to a used one needs no write.
            write_refreshes(requests, itertools.islice(found, per_turn))
            load = await send_requests(ours.url, {}, seconds=effort.seconds, connections=CONNECTIONS, requests=requests)
            assert load.failures == 0, load
            assert load.requests <= per_turn, "tokens were used twice"
            comparison.add("jwtapi", load.rate)

        async def without_http() -> None:
            comparison.add("the SQL alone", await rotate(url, found, effort.seconds))

        turns = {"jwtapi": refresh, "the SQL alone": without_http}
        await by_turns(progress, f"POST /refresh, {kind}", effort.rounds, turns)
    return comparison
