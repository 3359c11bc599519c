"""The statements of a refresh and of the first sight of a session, by the database's driver alone: ceilings."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import uvloop

TASKS = 16
POOL_SIZE = 10
LIFETIME = timedelta(days=7)

_SELECT = "SELECT sessions.*, users.* FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1"
_UPDATE = """
UPDATE sessions
SET generation = generation + 1, previously_refreshed_at = refreshed_at, refreshed_at = $3, expires_at = $4
WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND expires_at > $3
RETURNING *
"""
_SOME_IDS = "SELECT id FROM sessions ORDER BY id LIMIT $1"
# SQLite calls numbered parameters ?1, ?2, …
_SQLITE_SELECT, _SQLITE_UPDATE, _SQLITE_SOME_IDS = (sql.replace("$", "?") for sql in (_SELECT, _UPDATE, _SOME_IDS))


class _Prepared(NamedTuple):
    """A connection and its prepared statements. Each is a transaction of its own."""

    connection: Any
    select: Any
    update: Any


Work = Callable[[_Prepared, UUID], Awaitable[None]]


async def refresh_sqlite(path: Path, seconds: float, *, units_a_commit: int) -> float:
    """Return how many sessions one thread refreshes per second. Several in one commit have a savepoint each."""
    return await asyncio.to_thread(_refresh_sqlite, path, seconds, units_a_commit)


async def look_up_sqlite(path: Path, seconds: float, *, sessions: int) -> float:
    """Return how many sessions one thread reads per second."""
    return await asyncio.to_thread(_look_up_sqlite, path, seconds, sessions)


async def refresh_postgresql(url: str, seconds: float) -> float:
    """Return how many sessions TASKS tasks refresh per second, each with a session of its own."""
    return await asyncio.to_thread(uvloop.run, _repeat(url, seconds, _refresh, sessions=TASKS))


async def look_up_postgresql(url: str, seconds: float, *, sessions: int) -> float:
    """Return how many sessions TASKS tasks read per second."""
    return await asyncio.to_thread(uvloop.run, _repeat(url, seconds, _look_up, sessions=sessions))


def _refresh_sqlite(path: Path, seconds: float, units_a_commit: int) -> float:
    with closing(_open_sqlite(path)) as connection:
        ids = _ids(connection, TASKS)

        def refresh() -> None:
            id_ = next(ids)
            generation = connection.execute(_SQLITE_SELECT, (id_,)).fetchone()["generation"]
            now = datetime.now(UTC)
            values = (id_, generation, _as_text(now), _as_text(now + LIFETIME))
            assert connection.execute(_SQLITE_UPDATE, values).fetchall()

        done = 0
        started = time.perf_counter()
        while time.perf_counter() < started + seconds:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(units_a_commit):
                if units_a_commit > 1:
                    connection.execute("SAVEPOINT unit")
                refresh()
                if units_a_commit > 1:
                    connection.execute("RELEASE unit")
            connection.execute("COMMIT")
            done += units_a_commit
        return done / (time.perf_counter() - started)


def _look_up_sqlite(path: Path, seconds: float, sessions: int) -> float:
    with closing(_open_sqlite(path)) as connection:
        ids = _ids(connection, sessions)
        done = 0
        started = time.perf_counter()
        while time.perf_counter() < started + seconds:
            assert connection.execute(_SQLITE_SELECT, (next(ids),)).fetchone()
            done += 1
        return done / (time.perf_counter() - started)


def _open_sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _ids(connection: sqlite3.Connection, count: int) -> Iterator[str]:
    return itertools.cycle([id_ for (id_,) in connection.execute(_SQLITE_SOME_IDS, (count,))])


def _as_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


async def _repeat(url: str, seconds: float, work: Work, *, sessions: int) -> float:
    done = 0
    async with _pool(url) as pool:
        first = await pool.get()
        rows = await first.connection.fetch(_SOME_IDS, sessions)
        pool.put_nowait(first)
        started = time.perf_counter()

        async def task(number: int) -> None:
            nonlocal done
            ids = itertools.cycle([row["id"] for row in rows[number::TASKS]])
            while time.perf_counter() < started + seconds:
                prepared = await pool.get()
                await work(prepared, next(ids))
                pool.put_nowait(prepared)
                done += 1

        await asyncio.gather(*map(task, range(TASKS)))
        return done / (time.perf_counter() - started)


async def _refresh(prepared: _Prepared, id_: UUID) -> None:
    generation = (await prepared.select.fetchrow(id_))["generation"]
    now = datetime.now(UTC)
    assert await prepared.update.fetchrow(id_, generation, now, now + LIFETIME)


async def _look_up(prepared: _Prepared, id_: UUID) -> None:
    assert await prepared.select.fetchrow(id_)


@asynccontextmanager
async def _pool(url: str) -> AsyncIterator[asyncio.Queue[_Prepared]]:
    """Open POOL_SIZE connections. The pool of asyncpg would reset each connection, which is one more round trip."""
    pool: asyncio.Queue[_Prepared] = asyncio.Queue()
    for _ in range(POOL_SIZE):
        connection = await asyncpg.connect(url)
        pool.put_nowait(_Prepared(connection, await connection.prepare(_SELECT), await connection.prepare(_UPDATE)))
    yield pool
    while not pool.empty():
        await pool.get_nowait().connection.close()
