"""Events: the types, the table, the record and the queries. An event never changes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    TextClause,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.metadata import COMPUTED, INSERT_ONLY, PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime


class Invalidates(Enum):
    """What a process that remembers sessions must forget after an event."""

    SESSION = "the session that the event names"
    USER = "all sessions of the user that the event names"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event. A feature declares its own as constants in its `events.py`; the name never changes again.

    `invalidates` has no default on purpose: with a wrong one, an access token would outlive its revocation.
    """

    name: str
    invalidates: Invalidates

    def __post_init__(self) -> None:
        """Register the type.

        Raises:
            ValueError: the name is declared already with another meaning, or it is longer than its column.
        """
        if len(self.name) > _NAME_LENGTH:
            raise ValueError(f"The name of the event type {self.name!r} is too long")
        if _types.setdefault(self.name, self) != self:
            raise ValueError(f"The event type {self.name!r} is declared twice, with different meanings")

    @classmethod
    def declared(cls) -> Mapping[str, "EventType"]:
        """All types by name, of the features that are loaded."""
        return _types


_NAME_LENGTH = 40
_types: dict[str, EventType] = {}


def invalidated_by(event: "Event") -> Invalidates:
    """What the event invalidates. A type that only a later version declares invalidates all that the event can mean."""
    declared = _types.get(event.type)
    return declared.invalidates if declared is not None else Invalidates.USER


events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(_NAME_LENGTH), nullable=False),
    # No foreign keys: what happened stays true when the user is gone.
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("address", String(64)),
    Column("request_id", String(64)),
    Column("actor_id", Uuid),
    Column("details", JSON(none_as_null=True)),
    # PostgreSQL fills it in (migration 0002); on SQLite it is empty. The change feed reads it.
    Column("transaction_id", BigInteger, index=True, info=COMPUTED),
    Index(None, "user_id", "id"),
    Index(None, "at"),
    info=INSERT_ONLY | PRUNED,
)


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    """0 until the database has given one."""
    at: datetime
    type: str
    """The name of an EventType, perhaps of one that only a later version declares."""
    user_id: UUID | None
    session_id: UUID | None
    address: str | None
    request_id: str | None
    actor_id: UUID | None = None
    """The user who did it, if somebody else did it to `user_id`; None for the user and for the command line."""
    details: Mapping[str, Any] | None = None
    """A JSON object. It never holds a secret."""


_COLUMNS = columns_of(events, Event)
_NEW_COLUMNS = [column for column in _COLUMNS if column is not events.c.id]

# Ids are given out in one order and committed in another, so on PostgreSQL a row may appear below the last one seen. A
# snapshot says exactly which transactions were over when it was taken; new is what had not begun or was under way then.
# All since the oldest under way would be too many: it may be of another database, and run for days. The upper bound
# keeps out what a restored dump brought from another server, where transactions had other numbers.
_END_ON_POSTGRESQL: ColumnElement[str] = cast(func.pg_current_snapshot(), Text)
_NEW_ON_POSTGRESQL = text("""(
    (
        events.transaction_id >= pg_snapshot_xmax(CAST(CAST(:position AS text) AS pg_snapshot))::text::bigint
        AND events.transaction_id < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    )
    OR events.transaction_id = ANY (
        ARRAY(SELECT pg_snapshot_xip(CAST(CAST(:position AS text) AS pg_snapshot))::text::bigint)
    )
)""")
_END_ON_SQLITE: ColumnElement[str] = cast(select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery(), Text)
_NEW_ON_SQLITE: ColumnElement[bool] = events.c.id > cast(bindparam("position"), Integer)


def _since(end: ColumnElement[str], is_new: ColumnElement[bool] | TextClause) -> Select[Any]:
    """The end and what is new in one statement, so that both are of one moment. Made once: it is sent all the time."""
    matters = events.c.type.not_in(bindparam("ignored", expanding=True))
    return select(end, *_COLUMNS).select_from(select(literal(1)).subquery().outerjoin(events, and_(is_new, matters)))


_SINCE_ON_POSTGRESQL = _since(_END_ON_POSTGRESQL, _NEW_ON_POSTGRESQL)
_SINCE_ON_SQLITE = _since(_END_ON_SQLITE, _NEW_ON_SQLITE)


class EventRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.added: list[Event] = []
        """The events of this unit of work, whether or not it is committed in the end; their ids are 0."""

    async def add(self, *new: Event) -> None:
        """Add events in one statement, however many they are."""
        self.added += new
        if new:
            values = [{column.name: getattr(event, column.name) for column in _NEW_COLUMNS} for event in new]
            await self._connection.execute(insert(events), values)

    async def of_user(self, user_id: UUID | None) -> list[Event]:
        """The events of a user, oldest first; of None, those that name no user."""
        query = select(*_COLUMNS).where(events.c.user_id.is_not_distinct_from(user_id)).order_by(events.c.id)
        return [Event(*row) for row in await self._connection.execute(query)]

    async def end(self) -> str:
        """Where the events end now, for `since`: the highest id, on PostgreSQL a snapshot."""
        end = _END_ON_POSTGRESQL if self._on_postgresql else _END_ON_SQLITE
        return str((await self._connection.execute(select(end))).scalar_one())

    async def since(self, position: str, *, ignored: Collection[str]) -> tuple[list[Event], str]:
        """The events of other types than `ignored` that were committed after `position`, and where the events end now.

        Each event comes once.
        """
        statement = _SINCE_ON_POSTGRESQL if self._on_postgresql else _SINCE_ON_SQLITE
        rows = (await self._connection.execute(statement, {"position": position, "ignored": list(ignored)})).all()
        return [Event(*row[1:]) for row in rows if row[1] is not None], str(rows[0][0])

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` events older than `before`, and say how many."""
        # Not the last one: SQLite would give its id away again, and who follows the ids would miss the next event.
        last = select(func.max(events.c.id)).scalar_subquery()
        old = select(events.c.id).where(events.c.at < before, events.c.id < last).order_by(events.c.at).limit(limit)
        return (await self._connection.execute(delete(events).where(events.c.id.in_(old)))).rowcount

    @property
    def _on_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"
