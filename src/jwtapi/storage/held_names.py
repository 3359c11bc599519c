"""Names of deleted users, which nobody else can have for a while: the table, the record and the queries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Connection, LargeBinary, Table, Uuid, delete, insert, select

from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

held_names = Table(
    "held_names",
    metadata,
    Column("id", Uuid, primary_key=True),
    # A keyed hash of the canonical name: the database does not show which names were deleted.
    Column("name_mac", LargeBinary(32), nullable=False, index=True),
    Column("held_until", UtcDateTime, nullable=False, index=True),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class HeldName:
    id: UUID
    name_mac: bytes
    """The keyed hash of the canonical name; see security/name_macs.py."""
    held_until: datetime


_COLUMNS = columns_of(held_names, HeldName)


class HeldNameRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, held: HeldName) -> None:
        self._connection.execute(insert(held_names), {column.name: getattr(held, column.name) for column in _COLUMNS})

    def is_held(self, macs: Collection[bytes], now: datetime) -> bool:
        """Return whether one of the hashes is held."""
        held = select(held_names.c.id).where(held_names.c.name_mac.in_(macs), held_names.c.held_until > now).limit(1)
        return self._connection.execute(held).first() is not None

    def held_among(self, macs: Collection[bytes], now: datetime) -> set[bytes]:
        """Return those of the hashes that are held."""
        held = select(held_names.c.name_mac).where(held_names.c.name_mac.in_(macs), held_names.c.held_until > now)
        return set(self._connection.execute(held).scalars())

    def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` names that are free again, and return how many."""
        free = select(held_names.c.id).where(held_names.c.held_until <= now).order_by(held_names.c.held_until)
        return self._connection.execute(delete(held_names).where(held_names.c.id.in_(free.limit(limit)))).rowcount
