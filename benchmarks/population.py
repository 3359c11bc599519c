"""Fills a database with invented users and sessions by SQL, and makes requests of these users."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from benchmarks.contestants import JWTAPI
from passlib.hash import bcrypt_sha256
from sqlalchemy import make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import PostgreSQL, own_postgresql
from tests.support.server import clean_environment

from jwtapi.clock import system_clock
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.security.secret_keys import SecretKeys
from jwtapi.storage.schema import metadata

sessions, users = metadata.tables["sessions"], metadata.tables["users"]

PASSWORD = "correct horse battery staple"

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)",
    "postgresql": "WITH numbers AS (SELECT n FROM generate_series(1, :count) AS n)",
}
_USERS = """
INSERT INTO users (id, username, canonical_username, password_hash, roles, settings, created_at)
{numbers} SELECT {id}, 'user' || n, 'user' || n, :hash, '["member"]', '{{}}', {now} FROM numbers
"""
_SESSIONS = """
INSERT INTO sessions (id, user_id, generation, key, created_at, refreshed_at, expires_at, ends_at)
{numbers} SELECT {id}, numbered.id, 0, {key}, {now}, {now}, {later}, {later}
FROM numbers JOIN numbered ON numbered.n = numbers.n % :users + 1
"""
_DIALECTS = {
    "sqlite": {
        "id": "lower(hex(randomblob(16)))",
        "key": "randomblob(32)",
        "now": "strftime('%Y-%m-%d %H:%M:%S.000000', 'now')",
        "later": "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '+7 days')",
    },
    "postgresql": {
        "id": "gen_random_uuid()",
        "key": "decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')",
        "now": "now()",
        "later": "now() + interval '7 days'",
    },
}


@contextmanager
def durable_postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL that waits for the disk at each commit, as in production. That of the tests does not."""
    with own_postgresql() as postgresql:
        postgresql.execute("ALTER SYSTEM SET fsync = on")
        postgresql.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
        postgresql.execute("SELECT pg_reload_conf()")
        yield postgresql


async def fill(url: str, *, users: int, sessions: int) -> None:
    """Add users `user1`, `user2`, …, all with PASSWORD at 4 rounds, and living sessions of these users."""
    subprocess.run([JWTAPI, "migrate"], check=True, stdout=subprocess.DEVNULL, env=clean_environment(DATABASE_URL=url))
    engine = _engine(url)
    words = _DIALECTS[engine.dialect.name] | {"numbers": _NUMBERS[engine.dialect.name]}
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA cache_size = -1000000")
        hashed = bcrypt_sha256.using(rounds=4).hash(PASSWORD)
        await connection.execute(text(_USERS.format(**words)), {"count": users, "hash": hashed})
        await connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE numbered AS SELECT row_number() OVER () AS n, id FROM users"
        )
        await connection.exec_driver_sql("CREATE INDEX numbered_n ON numbered (n)")
        await connection.execute(text(_SESSIONS.format(**words)), {"count": sessions, "users": users})
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")
    await engine.dispose()


class StoredSession(NamedTuple):
    """What tokens and requests of a session contain. The fields are columns of the tables `sessions` and `users`."""

    session_id: UUID
    generation: int
    key: bytes
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    user_id: UUID
    username: str


async def some_sessions(url: str, count: int) -> list[StoredSession]:
    """Return `count` sessions of invented users. They are from all parts of the table, because their ids are random."""
    query = (
        select(
            sessions.c.id,
            sessions.c.generation,
            sessions.c.key,
            sessions.c.created_at,
            sessions.c.refreshed_at,
            sessions.c.expires_at,
            users.c.id,
            users.c.username,
        )
        .join_from(sessions, users)
        .where(users.c.username.startswith("user"))  # not of users that have registered
        .order_by(sessions.c.id)
        .limit(count)
    )
    engine = _engine(url)
    async with engine.connect() as connection:
        found = [StoredSession(*row) for row in await connection.execute(query)]
    await engine.dispose()
    return found


def _engine(url: str) -> AsyncEngine:
    """Open the database without the settings and limits that jwtapi gives its connections."""
    parsed = make_url(url)
    return create_async_engine(parsed.set(drivername=_DRIVERS[parsed.drivername]))


def write_refreshes(path: Path, found: Iterable[StoredSession]) -> None:
    tokens = RefreshTokens(REFRESH_SECRET)
    with path.open("w") as file:
        for session in found:
            token = tokens.issue(
                user_id=session.user_id,
                session_id=session.session_id,
                generation=session.generation,
                session_key=session.key,
                issued_at=session.refreshed_at,
                expires_at=session.expires_at,
            )
            file.write(f"POST\t/refresh\tCookie\trefreshToken={token}\t\n")


def write_profiles(path: Path, found: Iterable[StoredSession], *, tokens_each: int = 1) -> None:
    tokens = AccessTokens(SecretKeys(JWT_SECRET.encode()), ttl=900)
    now = system_clock()
    with path.open("w") as file:
        for _ in range(tokens_each):
            for session in found:
                issued = tokens.issue(_principal_of(session), now, generation=0, until=session.expires_at)
                file.write(profile_request(issued.access_token))


def profile_request(token: str) -> str:
    return f"GET\t/profile\tAuthorization\tBearer {token}\t\n"


def _principal_of(session: StoredSession) -> Principal:
    return Principal(
        user_id=session.user_id,
        username=session.username,
        roles=("member",),
        session_id=session.session_id,
        amr=("pwd",),
        auth_time=int(session.created_at.timestamp()),
    )


def write_logins(path: Path, found: Iterable[StoredSession]) -> None:
    with path.open("w") as file:
        for session in found:
            body = f'{{"username":"{session.username}","password":"{PASSWORD}"}}'
            file.write(f"POST\t/login\tContent-Type\tapplication/json\t{body}\n")
