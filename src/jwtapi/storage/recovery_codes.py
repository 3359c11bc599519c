"""Recovery codes: the table and the queries. A user has ten at most, each of which works once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, Connection, ForeignKey, Index, LargeBinary, Table, Uuid, delete, func, insert, select

from jwtapi.storage.metadata import metadata
from jwtapi.storage.types import UtcDateTime

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # A keyed hash, whose key is not in the database; see security/recovery_codes.py.
    Column("mac", LargeBinary(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "user_id", "mac", unique=True),
)


class RecoveryCodeRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, user_id: UUID, macs: Sequence[bytes], at: datetime) -> None:
        """Store new codes in place of all others. The row of the user must be locked."""
        self.delete_all(user_id)
        rows = [{"id": uuid4(), "user_id": user_id, "mac": mac, "created_at": at} for mac in macs]
        self._connection.execute(insert(recovery_codes), rows)

    def use(self, user_id: UUID, macs: Sequence[bytes]) -> bool:
        """Delete the code whose hash is one of `macs`. Return False if there is none.

        If several requests use the same code, one of them succeeds.
        """
        of_code = (recovery_codes.c.user_id == user_id, recovery_codes.c.mac.in_(macs))
        return self._connection.execute(delete(recovery_codes).where(*of_code)).rowcount == 1

    def has(self, user_id: UUID, macs: Sequence[bytes]) -> bool:
        """Return whether `use` would succeed now."""
        query = select(recovery_codes.c.id).where(recovery_codes.c.user_id == user_id, recovery_codes.c.mac.in_(macs))
        return self._connection.execute(query).first() is not None

    def count(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_id == user_id)
        return int(self._connection.execute(query).scalar_one())

    def delete_all(self, user_id: UUID) -> None:
        self._connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
