"""Checks of sessions that a server does not remember: GET /profile, each request with the token of another session."""

import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import jwt
from benchmarks.bare_sql import look_up_postgresql, look_up_sqlite
from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, fastify, jwtapi
from benchmarks.load import send_requests
from benchmarks.population import durable_postgresql, fill, profile_request, some_sessions, write_profiles
from rich.progress import Progress
from tests.conftest import JWT_SECRET

CONNECTIONS = 16
USERS = 1000
GOALS = {"SQLite": 0.03, "PostgreSQL": 0.14}
"""Three times what it was when a read crossed to another thread for each statement, and pinged PostgreSQL before it."""

A_TURN = 20_000
"""Sessions of a turn. A server remembers 10,000, so it has forgotten a session when its token is sent again."""

LookUp = Callable[..., Awaitable[float]]
Write = Callable[[Path, Iterable[Any]], None]
"""Writes a request for each of these sessions."""


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    with TemporaryDirectory() as folder, durable_postgresql() as postgresql:
        file, url = Path(folder, "sessions.db"), postgresql.new_database()
        bare_sqlite, bare_asyncpg = partial(look_up_sqlite, file), partial(look_up_postgresql, url)
        return [
            await _compare(progress, effort, "SQLite", f"sqlite:///{file}", ("bare sqlite3", bare_sqlite)),
            await _compare(progress, effort, "PostgreSQL", url, ("bare asyncpg", bare_asyncpg)),
        ]


async def _compare(progress: Progress, effort: Effort, kind: str, url: str, ceiling: tuple[str, LookUp]) -> Comparison:
    comparison = Comparison(
        f"GET /profile, first sight of a session, {CONNECTIONS} connections, {kind}",
        "req/s",
        (Goal("jwtapi", ceiling[0], at_least=GOALS[kind]),),
    )
    count = A_TURN * effort.rounds
    await fill(url, users=USERS, sessions=count)
    peers = {"Fastify": fastify()} if kind == "SQLite" else {}

    async def check(name: str, contestant: Contestant, sessions: Iterator[Any], write: Write) -> None:
        requests = contestant.folder / "requests"
        write(requests, islice(sessions, A_TURN))
        load = await send_requests(
            contestant.url, {}, seconds=effort.seconds, connections=CONNECTIONS, requests=requests
        )
        assert load.failures == 0, f"{name}: {load}"
        comparison.add(name, load.rate)

    async def look_up(name: str, sessions_per_second: LookUp) -> None:
        comparison.add(name, await sessions_per_second(effort.seconds, sessions=count))

    async with all_of({"jwtapi": jwtapi(DATABASE_URL=url)} | peers) as running:
        stored = iter(await some_sessions(url, count))
        turns = {"jwtapi": partial(check, "jwtapi", running["jwtapi"], stored, write_profiles)}
        if (peer := running.get("Fastify")) is not None:
            claims = iter(_fill_fastify(peer.folder / "peer.db", count))
            turns["Fastify"] = partial(check, "Fastify", peer, claims, _write_profiles_of_fastify)
        turns[ceiling[0]] = partial(look_up, *ceiling)
        await by_turns(progress, f"First sight, {kind}", effort.rounds, turns)
    return comparison


def _fill_fastify(file: Path, count: int) -> list[dict[str, str]]:
    """Add users and sessions to the database of the peer, and return the claims of a token of each session."""
    users = [(str(uuid4()), f"user{number}") for number in range(USERS)]
    sessions = [(str(uuid4()), *users[number % USERS]) for number in range(count)]
    now = int(time.time())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany("INSERT INTO users (id, username, hash) VALUES (?, ?, '')", users)
        connection.executemany(
            "INSERT INTO sessions (id, user_id, generation, refreshed_at, expires_at) VALUES (?, ?, 0, ?, ?)",
            [(id_, user_id, now, now + 604_800) for id_, user_id, _ in sessions],
        )
    return [{"sid": id_, "sub": user_id, "username": username} for id_, user_id, username in sessions]


def _write_profiles_of_fastify(path: Path, claims: Iterable[dict[str, str]]) -> None:
    times = {"iat": int(time.time()), "exp": int(time.time()) + 900}
    with path.open("w") as file:
        for each in claims:
            file.write(profile_request(jwt.encode(each | times, JWT_SECRET)))
