"""Compares the time of logins, refreshes and checks on large tables with the time on small tables."""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, jwtapi
from benchmarks.load import send_requests
from benchmarks.population import (
    StoredSession,
    durable_postgresql,
    fill,
    some_sessions,
    write_logins,
    write_profiles,
    write_refreshes,
)
from rich.progress import Progress

SMALL = "a thousand users"
LARGE = "a million users, five million sessions"
# Enough sessions of both sizes to use each refresh token only once, and to fill the cache of a worker.
USED = 200_000
SIZES = {SMALL: (1000, USED), LARGE: (1_000_000, 5_000_000)}

Write = Callable[[Path, Iterable[StoredSession]], None]
WORK: dict[str, Write] = {
    "POST /login, hashes of 4 rounds": write_logins,
    "POST /refresh": write_refreshes,
    "GET /profile, first sight of a session": write_profiles,
}


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    found = []
    with durable_postgresql() as postgresql, TemporaryDirectory() as folder:
        for kind in ("SQLite", "PostgreSQL"):
            urls = {
                size: f"sqlite:///{folder}/{number}.db" if kind == "SQLite" else postgresql.new_database()
                for number, size in enumerate(SIZES)
            }
            task = progress.add_task(f"Filling {kind}", total=len(SIZES))
            for size, (users, sessions) in SIZES.items():
                await fill(urls[size], users=users, sessions=sessions)
                progress.advance(task)
            found += await _compare(progress, effort, kind, urls, Path(folder))
    return found


async def _compare(
    progress: Progress, effort: Effort, kind: str, urls: dict[str, str], folder: Path
) -> list[Comparison]:
    found = {what: Comparison(f"{what}, {kind}", "ms a request", (Goal(LARGE, SMALL, at_most=1.2),)) for what in WORK}
    async with AsyncExitStack() as stack:
        servers = {}
        for size, url in urls.items():
            servers[size] = await stack.enter_async_context(jwtapi(DATABASE_URL=url, BCRYPT_ROUNDS="4"))
        people = {size: await some_sessions(url, USED) for size, url in urls.items()}

        async def measure(what: str, size: str, server: Contestant, round_: list[int]) -> None:
            each = USED // effort.rounds
            start = round_[0] * each
            round_[0] += 1
            requests = folder / "requests"
            WORK[what](requests, people[size][start : start + each])
            load = await send_requests(server.url, {}, seconds=effort.seconds, connections=8, requests=requests)
            assert load.failures == 0, load
            assert load.requests <= each, "requests were sent twice"
            found[what].add(size, 1000 / load.rate)

        for what in WORK:
            turns = {size: partial(measure, what, size, server, [0]) for size, server in servers.items()}
            await by_turns(progress, f"{what}, {kind}", effort.rounds, turns)
    return list(found.values())
