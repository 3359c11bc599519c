"""Invitations: the table, the record and the queries.

An address has one invitation at most: a new one replaces the one before, whose link is void from then on.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, Index, LargeBinary, String, Table, Uuid, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

invitations = Table(
    "invitations",
    metadata,
    # New for each invitation of an address, too, so that neither a link nor a mail of the one before finds the row.
    Column("id", Uuid, primary_key=True),
    # Random. The link in the mail proves that its issuer knew it, so REFRESH_SECRET alone cannot forge one.
    Column("key", LargeBinary(32), nullable=False),
    # The address as written, and in the form that is compared; see security/email_addresses.py.
    Column("email", String(320), nullable=False),
    Column("canonical_email", String(320), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    # When somebody registered with it. NULL until then.
    Column("used_at", UtcDateTime),
    Index(None, "canonical_email", unique=True),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class Invitation:
    id: UUID
    key: bytes = field(repr=False)
    """32 random bytes. The link proves that its issuer knew them."""
    email: str = field(repr=False)
    canonical_email: str = field(repr=False)
    roles: list[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


_COLUMNS = columns_of(invitations, Invitation)


class InvitationRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, invitation: Invitation) -> None:
        """Store an invitation in place of a former one of the same address."""
        values = {column.name: getattr(invitation, column.name) for column in _COLUMNS}
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(invitations).values(values)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=[invitations.c.canonical_email], set_=values)
        )

    def get(self, invitation_id: UUID) -> Invitation | None:
        query = select(*_COLUMNS).where(invitations.c.id == invitation_id)
        row = self._connection.execute(query).one_or_none()
        return Invitation(*row) if row is not None else None

    def use(self, invitation_id: UUID, now: datetime) -> bool:
        """Mark the invitation as used.

        Return False if it was used before, has expired, or was replaced. If several requests use it, one of them
        succeeds.
        """
        is_open = (invitations.c.id == invitation_id, invitations.c.used_at.is_(None), invitations.c.expires_at > now)
        return self._connection.execute(update(invitations).where(*is_open).values(used_at=now)).rowcount == 1

    def delete_used(self, canonical_email: str) -> None:
        """Delete the invitation of this address if somebody has registered with it."""
        used = (invitations.c.canonical_email == canonical_email, invitations.c.used_at.is_not(None))
        self._connection.execute(delete(invitations).where(*used))

    def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` expired invitations, and return how many."""
        expired = select(invitations.c.id).where(invitations.c.expires_at <= now).limit(limit)
        return self._connection.execute(delete(invitations).where(invitations.c.id.in_(expired))).rowcount
