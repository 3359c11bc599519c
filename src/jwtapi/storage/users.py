"""Users: the table, the record and the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    String,
    Table,
    Uuid,
    bindparam,
    case,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from jwtapi.storage.hot_statement import HotStatement
from jwtapi.storage.metadata import columns_of, metadata
from jwtapi.storage.types import UtcDateTime

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", String(64), nullable=False),
    # Two user names are the same name if these are equal; see security/usernames.py. It can be longer than the user
    # name: ﷺ becomes 18 letters.
    Column("canonical_username", String(255), nullable=False, unique=True),
    # NULL: the user signs in without a password.
    Column("password_hash", String(255)),
    Column("roles", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    username: str
    """As the user wrote it."""
    canonical_username: str
    """Two user names are the same name if these are equal."""
    password_hash: str | None
    """None: the user signs in without a password."""
    roles: list[str]
    settings: dict[str, Any]
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"User(id={self.id})"


_COLUMNS = columns_of(users, User)

_BY_ID = HotStatement(select(*_COLUMNS).where(users.c.id == bindparam("user_id")))
_BY_NAME = HotStatement(select(*_COLUMNS).where(users.c.canonical_username == bindparam("name")))

_MAX_CHECKED = 100_000
"""Checking as many takes a tenth of a second. Rows that were imported lie before the rows of later registrations."""


class DuplicateUsername(Exception):
    """The canonical name is taken. Let this exception leave the unit: its transaction cannot be used any more."""


class UserRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            DuplicateUsername: somebody has the name. If several requests add the same name, one of them succeeds.
        """
        values = {column.name: getattr(user, column.name) for column in _COLUMNS}
        try:
            self._connection.execute(insert(users).values(values))
        except IntegrityError:
            raise DuplicateUsername from None

    def get(self, user_id: UUID) -> User | None:
        row = _BY_ID.row(self._connection, {"user_id": user_id})
        return User(*row) if row is not None else None

    def by_name(self, canonical_username: str) -> User | None:
        row = _BY_NAME.row(self._connection, {"name": canonical_username})
        return User(*row) if row is not None else None

    def list(self, *, after: str = "", limit: int = 1000) -> list[User]:
        """Return up to `limit` users in the order of their canonical names, from the first one after `after`."""
        query = (
            select(*_COLUMNS)
            .where(users.c.canonical_username > after)
            .order_by(users.c.canonical_username)
            .limit(limit)
        )
        return [User(*row) for row in self._connection.execute(query)]

    def get_for_update(self, user_id: UUID) -> User | None:
        """Return the user, and lock the row until the transaction ends."""
        query = select(*_COLUMNS).where(users.c.id == user_id).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return User(*row) if row is not None else None

    def count_hashes(self, *, known: Sequence[str], others: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Count the password hashes that begin with no prefix in `known`, by the kind of hash.

        `others` has the prefixes of each kind. A hash with no prefix in `others` is counted as "another". Checks at
        most _MAX_CHECKED users.
        """
        stored = select(func.ltrim(users.c.password_hash, " \t\r\n").label("hash")).limit(_MAX_CHECKED).subquery()
        names = [(_begins_with_one_of(stored.c.hash, prefixes), name) for name, prefixes in others.items()]
        unknown = (
            select(case(*names, else_="another").label("name"))
            .where(not_(_begins_with_one_of(stored.c.hash, known)))
            .subquery()
        )
        counts = select(unknown.c.name, func.count()).group_by(unknown.c.name).order_by(unknown.c.name)
        return {row[0]: row[1] for row in self._connection.execute(counts)}

    def set_settings(self, user_id: UUID, settings: dict[str, Any]) -> None:
        self._set(user_id, settings=settings)

    def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        self._set(user_id, password_hash=password_hash)

    def set_roles(self, user_id: UUID, roles: Sequence[str]) -> None:
        self._set(user_id, roles=list(roles))

    def set_disabled(self, user_id: UUID, disabled_at: datetime | None) -> None:
        self._set(user_id, disabled_at=disabled_at)

    def delete(self, user_id: UUID) -> None:
        """Delete the user. The foreign key deletes the sessions."""
        self._connection.execute(delete(users).where(users.c.id == user_id))

    def _set(self, user_id: UUID, **values: Any) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(values))


def _begins_with_one_of(text: ColumnElement[str], prefixes: Sequence[str]) -> ColumnElement[bool]:
    """Compare with all prefixes of one length in one step, because there may be hundreds."""
    by_length: dict[int, list[str]] = {}
    for prefix in prefixes:
        by_length.setdefault(len(prefix), []).append(prefix)
    return or_(*(func.substr(text, 1, length).in_(same_length) for length, same_length in by_length.items()))
