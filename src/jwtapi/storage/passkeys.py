"""Passkeys: the table, the record and the queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Uuid,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from jwtapi.storage.metadata import columns_of, metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.users import users

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # What the authenticator calls it (WebAuthn §4, credential id). No two rows have the same, whoever they belong to.
    Column("credential_id", LargeBinary(1023), nullable=False),
    # COSE_Key (RFC 9052 §7).
    Column("public_key", LargeBinary, nullable=False),
    # The domain that the passkey is for. A passkey works on no other.
    Column("rp_id", String(253), nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    # The model of the authenticator. All zero if it does not tell.
    Column("aaguid", Uuid, nullable=False),
    Column("name", String(64), nullable=False),
    # How a browser reaches the authenticator (WebAuthn §5.8.4), as it told when the passkey was made.
    Column("transports", JSON, nullable=False),
    # Whether it can be synchronised to other devices. It never changes (WebAuthn §6.1.3).
    Column("backup_eligible", Boolean, nullable=False),
    Column("backed_up", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Index(None, "credential_id", unique=True),
)


@dataclass(frozen=True, slots=True)
class Passkey:
    id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes = field(repr=False)
    """COSE_Key (RFC 9052 §7)."""
    rp_id: str
    """The domain that the passkey is for."""
    sign_count: int
    aaguid: UUID
    """The model of the authenticator. All zero if it does not tell."""
    name: str
    transports: list[str]
    backup_eligible: bool
    """Whether it can be synchronised to other devices."""
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None = None


class FoundPasskey(NamedTuple):
    passkey: Passkey
    handle: bytes | None
    """What the authenticator calls the user."""
    is_enabled: bool
    """Whether the user is neither disabled nor deleted."""


_COLUMNS = columns_of(passkeys, Passkey)


class DuplicatePasskey(Exception):
    """The credential id is taken. Let this exception leave the unit: its transaction cannot be used any more."""


class PasskeyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, passkey: Passkey) -> None:
        """Store a new passkey.

        Raises:
            DuplicatePasskey: this user or another one has it.
        """
        values = {column.name: getattr(passkey, column.name) for column in _COLUMNS}
        try:
            self._connection.execute(insert(passkeys).values(values))
        except IntegrityError:
            raise DuplicatePasskey from None

    def by_credential(self, credential_id: bytes) -> FoundPasskey | None:
        """Return a passkey, and what is to be known of its user: one statement, whether or not there is one."""
        query = (
            select(users.c.webauthn_handle, users.c.disabled_at, *_COLUMNS)
            .join(users, users.c.id == passkeys.c.user_id)
            .where(passkeys.c.credential_id == credential_id)
        )
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        handle, disabled_at, *columns = row
        return FoundPasskey(Passkey(*columns), handle, disabled_at is None)

    def get(self, passkey_id: UUID, user_id: UUID) -> Passkey | None:
        """Return a passkey of the user."""
        query = select(*_COLUMNS).where(passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
        row = self._connection.execute(query).one_or_none()
        return Passkey(*row) if row is not None else None

    def list(self, user_id: UUID) -> list[Passkey]:
        """Return the passkeys of the user, the oldest first. Their number is bounded when they are added."""
        query = select(*_COLUMNS).where(passkeys.c.user_id == user_id).order_by(passkeys.c.created_at, passkeys.c.id)
        return [Passkey(*row) for row in self._connection.execute(query)]

    def count(self, user_id: UUID, *, rp_id: str | None = None) -> int:
        """Return how many passkeys the user has: of a domain, or all."""
        query = select(func.count()).select_from(passkeys).where(passkeys.c.user_id == user_id)
        if rp_id is not None:
            query = query.where(passkeys.c.rp_id == rp_id)
        return int(self._connection.execute(query).scalar_one())

    def record_use(self, passkey_id: UUID, *, sign_count: int, backed_up: bool, at: datetime) -> None:
        """Record a sign-in. The row of the user is locked: the counter must not be lower than the stored one."""
        values = {"sign_count": sign_count, "backed_up": backed_up, "last_used_at": at}
        self._connection.execute(update(passkeys).where(passkeys.c.id == passkey_id).values(values))

    def rename(self, passkey_id: UUID, user_id: UUID, name: str) -> bool:
        """Return False if there is no such passkey, or if it is another user's."""
        which = (passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
        return self._connection.execute(update(passkeys).where(*which).values(name=name)).rowcount == 1

    def delete(self, passkey_id: UUID, user_id: UUID) -> bool:
        """Return False if there is no such passkey, or if it is another user's."""
        which = (passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
        return self._connection.execute(delete(passkeys).where(*which)).rowcount == 1

    def delete_all(self, user_id: UUID) -> Sequence[UUID]:
        """Delete the passkeys of the user, and return their ids."""
        statement = delete(passkeys).where(passkeys.c.user_id == user_id).returning(passkeys.c.id)
        return self._connection.execute(statement).scalars().all()
