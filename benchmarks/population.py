"""Fills a database with invented users and sessions by SQL, and makes requests of these users."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from passlib.hash import bcrypt_sha256
from sqlalchemy import select, text
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import PostgreSQL, own_postgresql

from jwtapi.clock import system_clock
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.sessions.cache import principal_of
from jwtapi.storage.database import Database
from jwtapi.storage.engine import create_migration_engine, with_transactions
from jwtapi.storage.sessions import Session, SessionOfUser, sessions
from jwtapi.storage.users import User, users
from jwtapi.urls.database import parse_database_url

PASSWORD = "correct horse battery staple"

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


def driver_url(url: str) -> str:
    return parse_database_url(url)


async def fill(url: str, *, users: int, sessions: int) -> None:
    """Add users `user1`, `user2`, …, all with PASSWORD at 4 rounds, and living sessions of these users."""
    database = Database(driver_url(url))
    await database.migrate()
    await database.close()
    engine = create_migration_engine(driver_url(url))
    words = _DIALECTS[engine.dialect.name] | {"numbers": _NUMBERS[engine.dialect.name]}
    async with with_transactions(engine).begin() as connection:
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


async def some_sessions(url: str, count: int) -> list[tuple[Session, User]]:
    """Return `count` sessions with their users. They are from all parts of the table, because their ids are random."""
    engine = create_migration_engine(driver_url(url))
    columns = [column for column in sessions.c if column is not sessions.c.expires_on]
    query = select(*columns, users).join_from(sessions, users).order_by(sessions.c.id).limit(count)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    await engine.dispose()
    return [(Session(*row[: len(columns)]), User(*row[len(columns) :])) for row in rows]


def write_refreshes(path: Path, found: Iterable[tuple[Session, User]]) -> None:
    tokens = RefreshTokens(REFRESH_SECRET)
    with path.open("w") as file:
        for session, user in found:
            token = tokens.issue(
                user_id=user.id,
                session_id=session.id,
                generation=session.generation,
                session_key=session.key,
                issued_at=session.refreshed_at,
                expires_at=session.expires_at,
            )
            file.write(f"POST\t/refresh\tCookie\trefreshToken={token}\t\n")


def write_profiles(path: Path, found: Iterable[tuple[Session, User]], *, tokens_each: int = 1) -> None:
    tokens = AccessTokens(JWT_SECRET, ttl=900)
    now = system_clock()
    with path.open("w") as file:
        for _ in range(tokens_each):
            for session, user in found:
                principal = principal_of(SessionOfUser(session, user))
                file.write(f"GET\t/profile\tAuthorization\tBearer {tokens.issue(principal, now, generation=0)}\t\n")


def write_logins(path: Path, found: Iterable[tuple[Session, User]]) -> None:
    with path.open("w") as file:
        for _, user in found:
            body = f'{{"username":"{user.username}","password":"{PASSWORD}"}}'
            file.write(f"POST\t/login\tContent-Type\tapplication/json\t{body}\n")
