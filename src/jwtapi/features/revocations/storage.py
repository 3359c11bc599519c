"""What the feed reads: the events since a mark or of the last minutes, and the rows that they are about."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
)

from jwtapi.storage.events import Event, EventRepository, events
from jwtapi.storage.metadata import columns_of
from jwtapi.storage.sessions import sessions
from jwtapi.storage.users import users

_MAX_IN_PROGRESS = 100
"""Transactions that a mark names. A server has that many only while it is overloaded."""

_MAX_IN = 256
"""Values in one IN."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the events: everything that was committed up to then lies before it.

    It names the newest event of then, by which a database is recognised that has another history: that was restored
    from a backup, that has lost its last transactions in a crash, or that is another one.
    """

    event_id: int
    """0 if there was no event."""
    event_at: datetime
    transaction_id: int
    """The transaction of the event on PostgreSQL, 0 on SQLite."""
    position: str
    """For EventRepository.since."""


class UserNow(NamedTuple):
    """A user as stored now."""

    username: str
    roles: Sequence[str]
    is_active: bool
    metadata: Mapping[str, Any] | None = None
    """None if they were not asked for."""


_BEGINNING = Mark(0, datetime.fromtimestamp(0, UTC), 0, "")
_COLUMNS = columns_of(events, Event)

# A restored dump may have rows of another server, whose transactions had other numbers.
_has_begun: ColumnElement[bool] = events.c.transaction_id < cast(
    cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger
)
_is_newest_of_mark = and_(events.c.id == bindparam("event_id"), events.c.at == bindparam("event_at"))


def _mark(end: ColumnElement[Any], newest: Any, is_of_mark: ColumnElement[bool]) -> Any:
    """Select the end, the newest event, and whether the newest event of an earlier mark is still there."""
    is_known = select(events.c.id).where(is_of_mark).exists()
    last = newest.limit(1).subquery("newest")
    one = select(literal(1)).subquery("one")
    return select(end, *last.c, is_known).select_from(one.outerjoin(last, true()))


_MARK_ON_POSTGRESQL = _mark(
    cast(func.pg_current_snapshot(), Text),
    select(events.c.id, events.c.at, events.c.transaction_id)
    .where(_has_begun)
    .order_by(events.c.transaction_id.desc(), events.c.id.desc()),
    and_(_is_newest_of_mark, events.c.transaction_id == bindparam("transaction_id"), _has_begun),
)
_MARK_ON_SQLITE = _mark(
    literal(""),
    select(events.c.id, events.c.at, null().label("transaction_id")).where(
        events.c.id == select(func.max(events.c.id)).scalar_subquery()
    ),
    _is_newest_of_mark,
)
_AFTER = (
    select(*_COLUMNS)
    .where(
        events.c.at >= bindparam("at"),
        or_(events.c.at > bindparam("at"), events.c.id > bindparam("after_id")),
        events.c.type.not_in(bindparam("ignored", expanding=True)),
    )
    .order_by(events.c.at, events.c.id)
    .limit(bindparam("limit"))
)
_ALIVE = select(sessions.c.id).where(
    sessions.c.id.in_(bindparam("ids", expanding=True)), sessions.c.revoked_at.is_(None)
)
# Tokens are made when a session is opened, refreshed, or its user signs in again; and, however long after, for a client
# that has lost the answer to its refresh.
_ENDED_TOGETHER = select(sessions.c.id, sessions.c.revoked_at).where(
    sessions.c.revoked_at.in_(bindparam("moments", expanding=True)),
    sessions.c.user_id.in_(bindparam("user_ids", expanding=True)),
    or_(
        sessions.c.refreshed_at >= bindparam("used_since"),
        sessions.c.auth_time >= bindparam("used_since"),
        sessions.c.late_generation == sessions.c.generation,
    ),
)
_USERS = select(users.c.id, users.c.username, users.c.roles, users.c.disabled_at, users.c.deleted_at).where(
    users.c.id.in_(bindparam("ids", expanding=True))
)
_USERS_WITH_METADATA = _USERS.add_columns(users.c.metadata)


class RevocationRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mark(self, known: Mark | None) -> tuple[Mark, bool]:
        """Return the present end of the events, and whether it continues `known`: what is new since can be told."""
        before = known or _BEGINNING
        parameters = {"event_id": before.event_id, "event_at": before.event_at}
        if self._on_postgresql:
            parameters["transaction_id"] = before.transaction_id
        statement = _MARK_ON_POSTGRESQL if self._on_postgresql else _MARK_ON_SQLITE
        end, event_id, event_at, transaction_id, is_known = self._connection.execute(statement, parameters).one()
        if event_id is None:
            return _BEGINNING, known == _BEGINNING
        if not self._on_postgresql:
            return Mark(event_id, event_at, 0, str(event_id)), is_known
        position = _position_of(str(end), transaction_id)
        return Mark(event_id, event_at, transaction_id, position), is_known

    def since(self, mark: Mark, *, ignored: Collection[str]) -> list[Event]:
        """Return the events that were committed after the mark, in the database of the mark."""
        return EventRepository(self._connection).since(mark.position, ignored=ignored)[0]

    def after(self, at: datetime, event_id: int, *, ignored: Collection[str], limit: int) -> list[Event]:
        """Return the first events after the one of that moment and id, by moment and id."""
        parameters = {"at": at, "after_id": event_id, "ignored": list(ignored), "limit": limit}
        return [Event(*row) for row in self._connection.execute(_AFTER, parameters)]

    def ended(self, session_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the sessions that were revoked, or whose row has gone."""
        ended = set(session_ids)
        for ids in _chunks(session_ids):
            ended.difference_update(self._connection.execute(_ALIVE, {"ids": ids}).scalars())
        return ended

    def ended_together(
        self, ends: Collection[tuple[UUID, datetime]], *, used_since: datetime
    ) -> Iterator[tuple[UUID, datetime]]:
        """Return the sessions of each user that ended at that moment, and when each ended.

        Leaves out those that got no token since `used_since`.
        """
        for some in _chunks(ends):
            users_, moments = zip(*some, strict=True)
            parameters = {"user_ids": list(users_), "moments": list(moments), "used_since": used_since}
            for row in self._connection.execute(_ENDED_TOGETHER, parameters):
                yield row.id, row.revoked_at

    def users(self, user_ids: Collection[UUID], *, with_metadata: bool) -> dict[UUID, UserNow]:
        statement = _USERS_WITH_METADATA if with_metadata else _USERS
        found = {}
        for ids in _chunks(user_ids):
            rows = self._connection.execute(statement, {"ids": ids})
            for id_, username, roles, disabled_at, deleted_at, *metadata in rows:
                found[id_] = UserNow(username, roles, disabled_at is None and deleted_at is None, *metadata)
        return found

    @property
    def _on_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"


def _position_of(snapshot: str, newest: int) -> str:
    """Return the position right behind the transaction of the newest event, as a snapshot of PostgreSQL.

    It says of later transactions that they had not ended, although some had: those without an event. A crash can undo
    them, and then the server gives their numbers to others.
    """
    in_progress = [number for part in snapshot.split(":")[2].split(",") if part and (number := int(part)) < newest]
    # With too many of them, the end moves to the first that is not named: events then come again.
    end = in_progress[_MAX_IN_PROGRESS] if len(in_progress) > _MAX_IN_PROGRESS else newest + 1
    named = in_progress[:_MAX_IN_PROGRESS]
    return f"{named[0] if named else end}:{end}:{','.join(map(str, named))}"


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Split values into lists for IN, of few different lengths: PostgreSQL prepares each statement once a length."""
    left = iter(values)
    while chunk := list(islice(left, _MAX_IN)):
        length = next(length for length in (1, 16, _MAX_IN) if length >= len(chunk))
        yield chunk + chunk[-1:] * (length - len(chunk))
