"""Searches users: one statement a page, whose rows an index finds, however many users there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Subquery, TextClause, func, literal, select, text, union
from sqlalchemy import tuple_ as row_of

from jwtapi.storage.metadata import columns_of
from jwtapi.storage.user_roles import user_roles
from jwtapi.storage.users import User, users

LAST_CHARACTER = "\U0010ffff"
"""It is in no name and in no address, so it ends the range of those that begin with some letters."""


class UserState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    SERVICE = "service"
    """Service accounts, enabled or not."""


class UserOrder(StrEnum):
    USERNAME = "username"
    """By the canonical name, in the order of code points."""
    USERNAME_DESCENDING = "-username"
    CREATED_AT = "createdAt"
    """Users of the same moment are in the order of their ids."""
    CREATED_AT_DESCENDING = "-createdAt"

    @property
    def is_by_name(self) -> bool:
        return self in {UserOrder.USERNAME, UserOrder.USERNAME_DESCENDING}

    @property
    def is_descending(self) -> bool:
        return self.value.startswith("-")


class Sought(NamedTuple):
    """What is searched for. A user who matches one of its parts is found."""

    name: str
    """The beginning of a canonical name, not empty."""
    emails: Sequence[str]
    """Beginnings of canonical addresses, at most two."""
    external_id: str
    """A whole external id."""
    user_id: UUID | None
    """A whole id. None: what is searched for is no id."""


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users are found: those that match all of its parts. None matches every user."""

    sought: Sought | None = None
    role: str | None = None
    state: UserState | None = None


Position = tuple[str] | tuple[datetime, UUID]
"""Where a page ends: the canonical name of its last user, or the creation and the id, as the order requires."""

_COLUMNS = columns_of(users, User)
_FIRST_NAME = f" {LAST_CHARACTER}"  # the names of deleted users begin with a space, which is before all others
_FIRST: Position = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
_LAST: Position = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))

# The conditions of the partial indexes, in their words: SQLite does not recognise others.
_STATES: dict[UserState, ColumnElement[bool] | TextClause] = {
    UserState.ENABLED: users.c.disabled_at.is_(None),
    UserState.DISABLED: users.c.disabled_at.is_not(None),
    UserState.SERVICE: text("users.is_service_account"),
}


def position_of(user: User, order: UserOrder) -> Position:
    """Return where a page ends whose last user this is."""
    return (user.canonical_username,) if order.is_by_name else (user.created_at, user.id)


class UserSearch:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, which: UserFilter, *, order: UserOrder, after: Position | None, limit: int) -> list[User]:
        """Return up to `limit` users in this order, from the first one after the position. Deleted users are nobody.

        A page costs as much as its users if they are all, all of a state, or found by the beginning of the name, and
        are ordered by name. Otherwise it may cost as much as all users that match.
        """
        start = after if after is not None else _start(order)
        if which.sought is None:
            query = self._matching(which, order, start)
        else:
            found = union(*(select(each.c.id) for each in self._found(which.sought, which, order, start, limit)))
            # Without conditions on other columns, so that only the ids lead to the rows.
            query = select(*_COLUMNS).where(users.c.id.in_(select(found.subquery().c.id)))
            query = query.order_by(*_sorted(_keys(order, hidden=True), order))
        return [User(*row) for row in self._connection.execute(query.limit(limit))]

    @staticmethod
    def _matching(which: UserFilter, order: UserOrder, start: Position) -> Select[Any]:
        query = select(*_COLUMNS)
        if which.role is not None:
            # A join, so that PostgreSQL can begin with the users of a rare role, or with the order for a frequent one.
            query = query.join_from(user_roles, users).where(user_roles.c.role == which.role)
        # Few users are disabled, or service accounts. Their indexes are in the order of the names.
        is_of_few = which.state in {UserState.DISABLED, UserState.SERVICE}
        if is_of_few and not order.is_by_name:
            query = query.where(users.c.canonical_username > _FIRST_NAME)
        return _in_order(query.where(*_conditions(which)), order, start, hidden=is_of_few and not order.is_by_name)

    @staticmethod
    def _found(sought: Sought, which: UserFilter, order: UserOrder, start: Position, limit: int) -> Sequence[Subquery]:
        """Return a query of ids for each part of what is sought. Each returns no more than belong to the page."""
        query = select(users.c.id).where(*_conditions(which))
        if which.role is not None:
            of_user = (user_roles.c.role == which.role, user_roles.c.user_id == users.c.id)
            query = query.where(select(literal(1)).where(*of_user).correlate(users).exists())
        name = query.where(*_begins_with(users.c.canonical_username, sought.name))
        others = [
            *(query.where(*_begins_with(users.c.canonical_email, email)) for email in sought.emails),
            query.where(users.c.external_id == sought.external_id),
        ]
        if sought.user_id is not None:
            others.append(query.where(users.c.id == sought.user_id))
        return [
            _in_order(name, order, start, hidden=not order.is_by_name).limit(limit).subquery(),
            *(_in_order(other, order, start, hidden=True).limit(limit).subquery() for other in others),
        ]


def _conditions(which: UserFilter) -> Sequence[ColumnElement[bool] | TextClause]:
    of_state = [_STATES[which.state]] if which.state is not None else []
    return [users.c.deleted_at.is_(None), *of_state]


def _begins_with(column: ColumnElement[str], beginning: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column >= beginning, column < beginning + LAST_CHARACTER


def _start(order: UserOrder) -> Position:
    """Return the position before all users: SQLite then looks for a range in an index, instead of reading all of it."""
    if order.is_by_name:
        return (LAST_CHARACTER,) if order.is_descending else (_FIRST_NAME,)
    return _LAST if order.is_descending else _FIRST


def _in_order(query: Select[Any], order: UserOrder, start: Position, *, hidden: bool) -> Select[Any]:
    keys = _keys(order, hidden=hidden)
    last = [literal(value, key.type) for value, key in zip(start, keys, strict=True)]
    key, position = (row_of(*keys), row_of(*last)) if len(keys) > 1 else (keys[0], last[0])
    return query.where(key < position if order.is_descending else key > position).order_by(*_sorted(keys, order))


def _keys(order: UserOrder, *, hidden: bool) -> Sequence[ColumnElement[Any]]:
    """Return the columns of the order. No index is in the order of hidden ones.

    SQLite, which knows nothing of the values, would otherwise read all users in their order, and look at each one
    whether it is one of the few that another index finds.
    """
    keys = (users.c.canonical_username,) if order.is_by_name else (users.c.created_at, users.c.id)
    return [func.coalesce(key, key, type_=key.type) for key in keys] if hidden else keys


def _sorted(keys: Sequence[ColumnElement[Any]], order: UserOrder) -> Sequence[ColumnElement[Any]]:
    return [key.desc() if order.is_descending else key.asc() for key in keys]
