"""Searches events, the newest first: one statement a page, which reads a bounded number of rows.

Ids are in the order in which events were stored, so a page is what precedes an id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    select,
    true,
    tuple_,
)

from jwtapi.storage.events import Event, events
from jwtapi.storage.metadata import columns_of
from jwtapi.storage.users import users

WALK = 5_000
"""Rows that a page reads at most. It then has fewer events than were asked for, perhaps none, and the next page goes on
from there. Otherwise a frequent type and a rare address would make one page read millions of rows."""

_CLOCKS_DIFFER = timedelta(minutes=5)
"""How much earlier an event can be than one with a lower id, because two servers stored them."""

_SAMPLES = 100
"""Events that decide where a time lies among the ids. The clock of one server may have been wrong."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are found: those that match all of its parts. None matches every event."""

    user: UUID | str | None = None
    """The id of a user, or the canonical name of one who is not deleted."""
    actor: UUID | str | None = None
    """The user who acted on another user, in the same form."""
    type: str | None = None
    address: str | None = None
    since: datetime | None = None
    """Not earlier than this."""
    until: datetime | None = None
    """Earlier than this."""


def recorded_address(text: str) -> str:
    """Return a network address in the form in which events have it, and any other text as it is.

    Events have one that is none: `unix`, for all clients on a socket file.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return str((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address)


class FoundEvent(NamedTuple):
    event: Event
    username: str | None
    """The present name of the user. None if the event has no user, or if the user was deleted."""
    actor_username: str | None
    """The present name of the actor, in the same way."""


class EventPage(NamedTuple):
    found: Sequence[FoundEvent]
    next: int | None
    """`before` of the next page. None: there is none. A page before the last may have few events, or none."""


_COLUMNS = columns_of(events, Event)
_of_user, _of_actor = users.alias("of_user"), users.alias("of_actor")


class EventSearch:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, which: EventFilter, *, before: int | None, limit: int) -> EventPage:
        """Return up to `limit` events, the newest first, from the first one with a lower id than `before`."""
        rows = self._connection.execute(_page(which, before, limit)).all()
        found = [
            FoundEvent(Event(*row[1 : 1 + len(_COLUMNS)]), *row[1 + len(_COLUMNS) :])
            for row in rows[:limit]
            if row[1] is not None
        ]
        if len(rows) > limit:
            return EventPage(found, found[-1].event.id)
        return EventPage(found, rows[0][0])


def _page(which: EventFilter, before: int | None, limit: int) -> Select[Any]:
    conditions = _conditions(which)
    # An index finds the rows that fulfil the first condition. The others are looked at row by row.
    in_order = (
        select(*_COLUMNS).where(*_range(which, before, *conditions[:1])).order_by(*_order(events, *conditions[:1]))
    )
    matches_all = len(conditions) <= 1 and which.since is None and which.until is None
    # Its LIMIT keeps the other conditions out of it. The database would otherwise be free to take the index of one of
    # them, or to read the table by its ids.
    walked = in_order.limit(limit + 1 if matches_all else WALK).subquery("walked")
    end = null() if matches_all else in_order.with_only_columns(events.c.id).limit(1).offset(WALK - 1).scalar_subquery()
    matching = (
        select(walked)
        .where(*(walked.c[column.name] == value for column, value in conditions[1:]), *_times(which, walked))
        .order_by(*_order(walked, *conditions[:1]))
        .limit(limit + 1)
        .subquery("matching")
    )
    # One row at least, so that the end of the walk is known of a page without events.
    joined = select(literal(1).label("one")).subquery("one").outerjoin(matching, true())
    for name, each in (("user_id", _of_user), ("actor_id", _of_actor)):
        joined = joined.outerjoin(each, and_(each.c.id == matching.c[name], each.c.deleted_at.is_(None)))
    return (
        select(end.label("end"), *matching.c, _of_user.c.username, _of_actor.c.username)
        .select_from(joined)
        .order_by(matching.c.id.desc())
    )


_Condition: TypeAlias = tuple[Column[Any], Any]


def _conditions(which: EventFilter) -> Sequence[_Condition]:
    """Return columns and the values that they must have.

    Those with few events for a value come first: the events of a user, by an actor, from an address, of a type.
    """
    values = (
        (events.c.user_id, _id_of(which.user)),
        (events.c.actor_id, _id_of(which.actor)),
        (events.c.address, which.address),
        (events.c.type, which.type),
    )
    return [(column, value) for column, value in values if value is not None]


def _range(
    which: EventFilter, before: int | None, condition: _Condition | None = None
) -> Sequence[ColumnElement[bool]]:
    """Return the range of rows that a page walks: those with the value of the condition, between two ids.

    The rows are compared as a whole, and so ordered, although the value is one: PostgreSQL could otherwise walk by the
    ids alone, through any number of rows with other values.
    """
    first, last = _first_id(which), _last_id(which, before)
    if condition is None:
        return [events.c.id > first, events.c.id < last]
    column, value = condition
    value = literal(value, column.type) if not isinstance(value, ColumnElement) else value
    row = tuple_(column, events.c.id)
    return [column.is_not(None), row > tuple_(value, first), row < tuple_(value, last)]


def _order(rows: FromClause, condition: _Condition | None = None) -> Sequence[ColumnElement[Any]]:
    return [*([rows.c[condition[0].name].desc()] if condition is not None else []), rows.c.id.desc()]


def _id_of(user: UUID | str | None) -> Any:
    """Return the id of a user, or the query that finds it by the name. No event matches a name that nobody has."""
    if not isinstance(user, str):
        return user
    return select(users.c.id).where(users.c.canonical_username == user).scalar_subquery()


def _first_id(which: EventFilter) -> ColumnElement[int]:
    """Return an id below those of the events since a time. The index on the times finds it."""
    if which.since is None:
        return literal(0, events.c.id.type)
    earlier = events.c.at < which.since - _CLOCKS_DIFFER
    sample = select(events.c.id).where(earlier).order_by(events.c.at.desc()).limit(_SAMPLES).subquery()
    return select(func.coalesce(func.min(sample.c.id), 0)).scalar_subquery()


def _last_id(which: EventFilter, before: int | None) -> ColumnElement[int]:
    """Return an id above those of the events until a time. It is always one: SQLite would otherwise read the table."""
    last = literal(before if before is not None else _AFTER_ALL, events.c.id.type)
    if which.until is None:
        return last
    later = events.c.at >= which.until + _CLOCKS_DIFFER
    sample = select(events.c.id).where(later).order_by(events.c.at).limit(_SAMPLES).subquery()
    return select(case((func.max(sample.c.id) < last, func.max(sample.c.id)), else_=last)).scalar_subquery()


_AFTER_ALL = 2**63 - 1


def _times(which: EventFilter, walked: FromClause) -> Sequence[ColumnElement[bool]]:
    since = [walked.c.at >= which.since] if which.since is not None else []
    until = [walked.c.at < which.until] if which.until is not None else []
    return [*since, *until]
