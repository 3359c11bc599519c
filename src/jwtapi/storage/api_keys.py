"""API keys: the table, the record and the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from jwtapi.storage.hot_statement import HotStatement
from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.users import users

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    # SHA-256. A fast hash suffices, because the secret has 256 random bits.
    Column("secret_hash", LargeBinary(32), nullable=False),
    # What the key may have of the roles of its owner. NULL: all of them.
    Column("roles", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, index=True),
    # Not exact: written at most once in some minutes.
    Column("last_used_at", UtcDateTime),
    Index(None, "user_id", "created_at", "id"),
    Index(None, "created_at", "id"),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: UUID
    user_id: UUID
    """The owner."""
    name: str
    secret_hash: bytes = field(repr=False)
    roles: list[str] | None
    """The key has those of them that its owner has now. None: it has all that its owner has."""
    created_at: datetime
    expires_at: datetime | None
    """None: never."""
    last_used_at: datetime | None = None


class OwnedKey(NamedTuple):
    """A key, and what is to be known of its owner."""

    key: ApiKey
    username: str
    roles: Sequence[str]
    """Of the owner."""
    disabled_at: datetime | None


_COLUMNS = columns_of(api_keys, ApiKey)
_WITH_OWNER = HotStatement(
    select(users.c.username, users.c.roles, users.c.disabled_at, *_COLUMNS)
    .join_from(api_keys, users)
    .where(api_keys.c.id == bindparam("key_id"))
)


class ApiKeyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        values = {column.name: getattr(key, column.name) for column in _COLUMNS}
        self._connection.execute(insert(api_keys).values(values))

    def with_owner(self, key_id: UUID) -> OwnedKey | None:
        row = _WITH_OWNER.row(self._connection, {"key_id": key_id})
        return OwnedKey(ApiKey(*row[3:]), *row[:3]) if row is not None else None

    def of_user(self, user_id: UUID) -> list[ApiKey]:
        """Return the keys of the user, the oldest first. Their number is bounded when they are made."""
        query = select(*_COLUMNS).where(api_keys.c.user_id == user_id).order_by(api_keys.c.created_at, api_keys.c.id)
        return [ApiKey(*row) for row in self._connection.execute(query)]

    def count_of(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(api_keys).where(api_keys.c.user_id == user_id)
        return int(self._connection.execute(query).scalar_one())

    def all(self, *, before: tuple[datetime, UUID] | None, limit: int) -> list[OwnedKey]:
        """Return up to `limit` keys of all users who are not deleted, from the first one before `(created_at, id)`.

        The newest come first.
        """
        query = (
            select(users.c.username, users.c.roles, users.c.disabled_at, *_COLUMNS)
            .join_from(api_keys, users)
            .where(users.c.deleted_at.is_(None))
            .order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            created_at, key_id = before
            query = query.where(
                tuple_(api_keys.c.created_at, api_keys.c.id)
                < tuple_(
                    bindparam("created_at", created_at, type_=api_keys.c.created_at.type),
                    bindparam("key_id", key_id, type_=api_keys.c.id.type),
                )
            )
        return [OwnedKey(ApiKey(*row[3:]), *row[:3]) for row in self._connection.execute(query)]

    def get(self, key_id: UUID) -> ApiKey | None:
        row = self._connection.execute(select(*_COLUMNS).where(api_keys.c.id == key_id)).one_or_none()
        return ApiKey(*row) if row is not None else None

    def delete(self, key_id: UUID, user_id: UUID) -> ApiKey | None:
        """Return the deleted key, or None if there is no such key, or if it is another user's."""
        which = (api_keys.c.id == key_id, api_keys.c.user_id == user_id)
        row = self._connection.execute(delete(api_keys).where(*which).returning(*_COLUMNS)).one_or_none()
        return ApiKey(*row) if row is not None else None

    def record_uses(self, uses: Mapping[UUID, datetime]) -> None:
        """Set when keys were last used."""
        # In the order of the ids, so that two processes that write at once do not deadlock.
        rows = [{"used_key": key_id, "used_at": uses[key_id]} for key_id in sorted(uses)]
        if rows:
            self._connection.execute(
                update(api_keys)
                .where(api_keys.c.id == bindparam("used_key"))
                .values(last_used_at=bindparam("used_at", type_=api_keys.c.last_used_at.type)),
                rows,
            )

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` keys that expired before, and return how many."""
        expired = (
            select(api_keys.c.id).where(api_keys.c.expires_at < before).order_by(api_keys.c.expires_at).limit(limit)
        )
        return self._connection.execute(delete(api_keys).where(api_keys.c.id.in_(expired))).rowcount
