"""Devices on which a user is not asked for the second factor: the table, the record and the queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Uuid,
    delete,
    insert,
    select,
)

from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

MAX_DEVICES = 100
"""Of one user."""

remembered_devices = Table(
    "remembered_devices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # SHA-256 of the cookie, which has 256 random bits.
    Column("token_hash", LargeBinary(32), nullable=False),
    # SHA-256 of the user's `link_state`. The row is void when that changes.
    Column("user_state", LargeBinary(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    # From where it was remembered.
    Column("address", String(64)),
    Column("user_agent", String(256)),
    Index(None, "token_hash", unique=True),
    Index(None, "user_id", "created_at"),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class RememberedDevice:
    id: UUID
    user_id: UUID
    token_hash: bytes = field(repr=False)
    user_state: bytes = field(repr=False)
    """The row is void when the state of the user is another one."""
    created_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None


_COLUMNS = columns_of(remembered_devices, RememberedDevice)


class RememberedDeviceRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, device: RememberedDevice) -> None:
        """Store a device. Those of the user that are void go, and of the others the oldest beyond MAX_DEVICES.

        The row of the user must be locked.
        """
        of_user = remembered_devices.c.user_id == device.user_id
        newest = (
            select(remembered_devices.c.id)
            .where(of_user, remembered_devices.c.user_state == device.user_state)
            .order_by(remembered_devices.c.created_at.desc(), remembered_devices.c.id)
            .limit(MAX_DEVICES - 1)
        )
        self._connection.execute(delete(remembered_devices).where(of_user, remembered_devices.c.id.not_in(newest)))
        self._connection.execute(
            insert(remembered_devices).values({column.name: getattr(device, column.name) for column in _COLUMNS})
        )

    def knows(self, token_hashes: Sequence[bytes], user_id: UUID, user_state: bytes, now: datetime) -> bool:
        """Return whether one of the cookies is of this user in this state."""
        query = select(remembered_devices.c.id).where(
            remembered_devices.c.token_hash.in_(token_hashes),
            remembered_devices.c.user_id == user_id,
            remembered_devices.c.user_state == user_state,
            remembered_devices.c.expires_at > now,
        )
        return self._connection.execute(query).first() is not None

    def list(self, user_id: UUID, user_state: bytes, now: datetime) -> list[RememberedDevice]:
        """Return the devices that are not void, the last remembered first. There are at most MAX_DEVICES."""
        query = (
            select(*_COLUMNS)
            .where(
                remembered_devices.c.user_id == user_id,
                remembered_devices.c.user_state == user_state,
                remembered_devices.c.expires_at > now,
            )
            .order_by(remembered_devices.c.created_at.desc(), remembered_devices.c.id)
        )
        return [RememberedDevice(*row) for row in self._connection.execute(query)]

    def delete(self, device_id: UUID, user_id: UUID) -> bool:
        """Return False if there is no such device, or if it is another user's."""
        which = (remembered_devices.c.id == device_id, remembered_devices.c.user_id == user_id)
        return self._connection.execute(delete(remembered_devices).where(*which)).rowcount == 1

    def delete_all(self, user_id: UUID) -> None:
        self._connection.execute(delete(remembered_devices).where(remembered_devices.c.user_id == user_id))

    def delete_of(self, user_ids: Sequence[UUID], *, limit: int) -> int:
        """Delete up to `limit` devices of these users, and return how many."""
        some = select(remembered_devices.c.id).where(remembered_devices.c.user_id.in_(user_ids)).limit(limit)
        return self._connection.execute(delete(remembered_devices).where(remembered_devices.c.id.in_(some))).rowcount

    def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` expired devices, and return how many."""
        expired = select(remembered_devices.c.id).where(remembered_devices.c.expires_at <= now).limit(limit)
        statement = delete(remembered_devices).where(remembered_devices.c.id.in_(expired))
        return self._connection.execute(statement).rowcount
