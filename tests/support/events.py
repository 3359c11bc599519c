"""Adds events: one, or many with their users without asking for each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from jwtapi import audit
from jwtapi.caller import COMMAND_LINE
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from tests.support.api import Api

USERS = 1000
"""Users whose events `add_many_events` adds, if it adds as many."""

_TYPES = "CASE WHEN n % 20 = 0 THEN 'login.failed' WHEN n % 5000 = 1 THEN 'user.renamed' ELSE 'login.succeeded' END"
_ON_SQLITE = (
    """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {users})
    INSERT INTO users (id, username, canonical_username, roles, settings, created_at)
    SELECT printf('00000000000040008000%012x', n), printf('user-%d', n), printf('user-%d', n), '[]', '{{}}', '{begin}'
    FROM numbers
    """,
    """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
    INSERT INTO events (at, type, user_id, actor_id, address)
    SELECT
        strftime('%Y-%m-%d %H:%M:%S.000000', '{begin}', printf('+%d minutes', n)),
        {types},
        printf('00000000000040008000%012x', 1 + n % {in_turn}),
        CASE WHEN n % 500 = 3 THEN printf('00000000000040008000%012x', 1 + n % 7) END,
        printf('203.0.%d.%d', n % 3, n % 200)
    FROM numbers
    """,
    "ANALYZE",
)
_ON_POSTGRESQL = (
    """
    INSERT INTO users (id, username, canonical_username, roles, settings, created_at)
    SELECT
        CAST('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0') AS uuid), 'user-' || n, 'user-' || n, '[]', '{{}}',
        '{begin}'
    FROM generate_series(1, {users}) AS numbers(n)
    """,
    """
    INSERT INTO events (at, type, user_id, actor_id, address)
    SELECT
        CAST('{begin}' AS timestamptz) + n * interval '1 minute',
        {types},
        CAST('00000000-0000-4000-8000-' || lpad(to_hex(1 + n % {in_turn}), 12, '0') AS uuid),
        CASE WHEN n % 500 = 3
            THEN CAST('00000000-0000-4000-8000-' || lpad(to_hex(1 + n % 7), 12, '0') AS uuid)
        END,
        '203.0.' || n % 3 || '.' || n % 200
    FROM generate_series(1, {count}) AS numbers(n)
    """,
    "ANALYZE",
)


async def add_event(api: Api, type_: EventType, user_id: UUID) -> None:
    """Store an event of a user, as a command does."""
    event = audit.event(type_, at=api.clock(), caller=COMMAND_LINE, user_id=user_id)
    await api.services[Database].write(lambda uow: uow.events.add(event))


def many_user(number: int) -> UUID:
    """Return the id of `user-1`, `user-2` and so on."""
    return UUID(f"00000000-0000-4000-8000-{number:012x}")


async def add_many_events(api: Api, count: int, begin: datetime) -> None:
    """Add events, one a minute after `begin`, of users in turn, the oldest first."""
    url = api.services.settings.database_url.get_secret_value()
    engine = create_async_engine(url, poolclass=NullPool)
    on_sqlite = engine.dialect.name == "sqlite"
    values: dict[str, Any] = {
        "count": count,
        "users": min(count, USERS),
        "in_turn": USERS,
        "types": _TYPES,
        "begin": f"{begin:%Y-%m-%d %H:%M:%S}",
    }
    if not on_sqlite:
        values["begin"] += "+00:00"
    async with engine.begin() as connection:
        for statement in _ON_SQLITE if on_sqlite else _ON_POSTGRESQL:
            await connection.exec_driver_sql(statement.format(**values))
