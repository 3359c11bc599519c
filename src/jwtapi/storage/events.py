"""Events: the types, the table, the record and the queries.

An event never changes, except that those of a deleted user lose what they say about the person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    TextClause,
    Update,
    UpdateBase,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from jwtapi.storage.metadata import COMPUTED, ERASED, INSERT_ONLY, PRUNED, columns_of, erased_columns, metadata
from jwtapi.storage.types import UtcDateTime


class Invalidates(Enum):
    """What a process must remove from its caches of sessions and of API keys after an event."""

    SESSION = "the session that the event names"
    API_KEYS = "all API keys of the user that the event names"
    USER = "all sessions and API keys of the user that the event names"
    ALL = "all sessions and API keys"
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
            ValueError: the name is already declared with another meaning, or the name is longer than its column.
        """
        if len(self.name) > _NAME_LENGTH:
            raise ValueError(f"The name of the event type {self.name!r} is too long")
        if _types.setdefault(self.name, self) != self:
            raise ValueError(f"The event type {self.name!r} is declared twice, with different meanings")

    @classmethod
    def declared(cls) -> Mapping[str, "EventType"]:
        """Return the event types of the features that are loaded, by name."""
        return _types


_NAME_LENGTH = 40
_types: dict[str, EventType] = {}


def invalidated_by(event: "Event") -> Invalidates:
    """Return what the event invalidates. An unknown type, of a later version, is of USER."""
    declared = _types.get(event.type)
    return declared.invalidates if declared is not None else Invalidates.USER


events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(_NAME_LENGTH), nullable=False),
    # No foreign keys, because events outlive the deleted user.
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("address", String(64), info=ERASED),
    Column("request_id", String(64), info=ERASED),  # the client may have chosen it
    Column("actor_id", Uuid),
    Column("details", JSON(none_as_null=True), info=ERASED),
    # PostgreSQL fills it (migration 0002); on SQLite it is empty. The change feed reads it.
    Column("transaction_id", BigInteger, index=True, info=COMPUTED),
    Index(None, "user_id", "id"),
    Index(None, "at"),
    # For the administration, which lists events by one of these, the newest first.
    Index(None, "type", "id"),
    Index(
        None,
        "actor_id",
        "id",
        sqlite_where=text("actor_id IS NOT NULL"),
        postgresql_where=text("actor_id IS NOT NULL"),
    ),
    Index(
        None,
        "address",
        "id",
        sqlite_where=text("address IS NOT NULL"),
        postgresql_where=text("address IS NOT NULL"),
    ),
    info=INSERT_ONLY | PRUNED,
)


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    """0 until the database has assigned an id."""
    at: datetime
    type: str
    """The name of an EventType. This version may not know it, if a later version wrote the event."""
    user_id: UUID | None
    session_id: UUID | None
    address: str | None
    request_id: str | None
    actor_id: UUID | None = None
    """The user who acted, if that is another user than `user_id`. None for the command line too."""
    details: Mapping[str, Any] | None = None
    """A JSON object. It never holds a secret."""


_COLUMNS = columns_of(events, Event)
_ERASED = erased_columns(events)
_NEW_COLUMNS = [column for column in _COLUMNS if column is not events.c.id]

# PostgreSQL assigns ids in one order and commits in another, so a new row can have a lower id than the last row read. A
# snapshot says exactly which transactions had ended when it was taken. New rows are those of transactions that began
# later, or that were running then. Reading everything since the oldest running transaction would be too much, because
# that one may run for days, in another database. The upper bound excludes rows of a dump that was restored from another
# server, whose transactions had other numbers.
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
    """Select the end and the new events in one statement, so that both are of the same moment."""
    matters = events.c.type.not_in(bindparam("ignored", expanding=True))
    return select(end, *_COLUMNS).select_from(select(literal(1)).subquery().outerjoin(events, and_(is_new, matters)))


def with_events(changed: CTE, count: int, *columns: ColumnElement[Any]) -> Select[Any]:
    """Select `columns` while adding `count` events for each row of `changed`, whose column `id` has ids of sessions.

    Only PostgreSQL has such statements. `event_parameters` are the parameters.
    """
    source, recorded = changed.c.id, []
    for number in range(count):
        values = [
            source if column is events.c.session_id else bindparam(f"event_{number}_{column.name}", type_=column.type)
            for column in _NEW_COLUMNS
        ]
        # Each statement reads from the one before, so that the events get their ids in this order.
        adding = insert(events).from_select(_NEW_COLUMNS, select(*values)).returning(events.c.session_id)
        recorded.append(adding.cte(f"recorded_{number}"))
        source = recorded[-1].c.session_id
    return select(*columns).select_from(changed).add_cte(*recorded)


def event_parameters(templates: Sequence[Event]) -> dict[str, Any]:
    return {
        f"event_{number}_{column.name}": getattr(template, column.name)
        for number, template in enumerate(templates)
        for column in _NEW_COLUMNS
        if column is not events.c.session_id
    }


@cache
def _changing_with_one_event(change: Update) -> Select[Any]:
    """Count the rows that change, and add one event if there are any. Only PostgreSQL has such statements."""
    changed = change.returning(literal(1).label("one")).cte("changed")
    count = select(func.count().label("count")).select_from(changed).cte("counted").c.count
    details = cast(bindparam("event_0_details", type_=JSON), JSONB).concat(func.jsonb_build_object("count", count))
    columns = [column for column in _NEW_COLUMNS if column is not events.c.session_id]
    values = [
        cast(details, JSON) if column is events.c.details else bindparam(f"event_0_{column.name}", type_=column.type)
        for column in columns
    ]
    recorded = insert(events).from_select(columns, select(*values).where(count > 0)).cte("recorded")
    return select(count).add_cte(recorded)


@cache  # statements take longer to build than to run, and there are few
def _changing_with_events(change: UpdateBase, count: int) -> Select[Any]:
    changed = change.cte("changed")
    return with_events(changed, count, changed.c.id)


def _events_of(session_ids: Sequence[UUID], templates: Sequence[Event]) -> list[Event]:
    return [replace(template, session_id=id_) for id_ in session_ids for template in templates]


_ADD = insert(events)
_SINCE_ON_POSTGRESQL = _since(_END_ON_POSTGRESQL, _NEW_ON_POSTGRESQL)
_SINCE_ON_SQLITE = _since(_END_ON_SQLITE, _NEW_ON_SQLITE)


class EventRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.added: list[Event] = []
        """The events of this unit of work, even if it is rolled back in the end. Their ids are 0."""

    def add(self, *new: Event) -> None:
        """Add all events in one statement."""
        self.added += new
        if new:
            values = [{column.name: getattr(event, column.name) for column in _NEW_COLUMNS} for event in new]
            self._connection.execute(_ADD, values)

    def add_for_each_session(
        self, change: UpdateBase, parameters: Mapping[str, Any], templates: Sequence[Event]
    ) -> list[UUID]:
        """Run a statement that returns ids of sessions, and add an event of each template for each session.

        On PostgreSQL all this is one statement, which can commit by itself. Returns the ids.
        """
        if self._on_postgresql:
            values = {**parameters, **event_parameters(templates)}
            try:
                ids = list(self._connection.execute(_changing_with_events(change, len(templates)), values).scalars())
            except BaseException:
                # Perhaps only the answer was lost, not the commit. Without a session, they name all of the user.
                self.added += templates
                raise
            self.added += _events_of(ids, templates)
        else:
            ids = list(self._connection.execute(change, parameters).scalars())
            self.add(*_events_of(ids, templates))
        return ids

    def add_one_for_all_sessions(self, change: Update, parameters: Mapping[str, Any], template: Event) -> int:
        """Run a statement that changes sessions of one user, and add one event with their `count` in its details.

        On PostgreSQL all this is one statement, which can commit by itself. Returns the count. If it is 0, there is no
        event.
        """
        details = dict(template.details or {})
        if self._on_postgresql:
            values = {**parameters, **event_parameters([replace(template, details=details)])}
            try:
                count = int(self._connection.execute(_changing_with_one_event(change), values).scalar_one())
            except BaseException:
                self.added.append(template)  # perhaps only the answer was lost, not the commit
                raise
            if count > 0:
                self.added.append(replace(template, details=details | {"count": count}))
        else:
            count = self._connection.execute(change, parameters).rowcount
            if count > 0:
                self.add(replace(template, details=details | {"count": count}))
        return count

    def of_user(self, user_id: UUID | None) -> list[Event]:
        """Return the events of a user, the oldest first. For None, return the events that name no user."""
        query = select(*_COLUMNS).where(events.c.user_id.is_not_distinct_from(user_id)).order_by(events.c.id)
        return [Event(*row) for row in self._connection.execute(query)]

    def end(self) -> str:
        """Return the present end of the events, for `since`: the highest id on SQLite, a snapshot on PostgreSQL."""
        end = _END_ON_POSTGRESQL if self._on_postgresql else _END_ON_SQLITE
        return str(self._connection.execute(select(end)).scalar_one())

    def since(self, position: str, *, ignored: Collection[str]) -> tuple[list[Event], str]:
        """Return the events that were committed after `position`, except the types in `ignored`, and the present end.

        Consecutive calls return each event exactly once.
        """
        statement = _SINCE_ON_POSTGRESQL if self._on_postgresql else _SINCE_ON_SQLITE
        rows = self._connection.execute(statement, {"position": position, "ignored": list(ignored)}).all()
        return [Event(*row[1:]) for row in rows if row[1] is not None], str(rows[0][0])

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` events older than `before`, and return how many."""
        # Keep the last event. Otherwise SQLite would reuse its id, and the change feed would miss the next event.
        last = select(func.max(events.c.id)).scalar_subquery()
        old = select(events.c.id).where(events.c.at < before, events.c.id < last).order_by(events.c.at).limit(limit)
        return self._connection.execute(delete(events).where(events.c.id.in_(old))).rowcount

    def erase_of(self, user_ids: Sequence[UUID], *, limit: int) -> int:
        """Erase what up to `limit` events of these users say about the person, and return how many events.

        The change feed does not see it: an event is new only once.
        """
        is_left = or_(*(column.is_not(None) for column in _ERASED))
        some = select(events.c.id).where(events.c.user_id.in_(user_ids), is_left).limit(limit)
        erasing = update(events).where(events.c.id.in_(some)).values(dict.fromkeys(_ERASED))
        return self._connection.execute(erasing).rowcount

    @property
    def _on_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"
