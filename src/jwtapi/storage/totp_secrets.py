"""The secrets of authenticator apps: the table, the record and the queries. A user has one at most."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Uuid,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from jwtapi.storage.metadata import columns_of, metadata
from jwtapi.storage.types import UtcDateTime

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # Encrypted under a key that is not in the database; see security/encryption.py.
    Column("encrypted_secret", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When the first code was right. NULL: the secret was shown, and asks for nothing yet.
    Column("confirmed_at", UtcDateTime),
    # The step of the last code that was accepted (RFC 6238 §5.2). No earlier or equal step is accepted again.
    Column("last_step", BigInteger, nullable=False, server_default="0"),
    Index(None, "user_id", unique=True),
)


@dataclass(frozen=True, slots=True)
class TotpSecret:
    user_id: UUID
    encrypted_secret: bytes = field(repr=False)
    created_at: datetime
    confirmed_at: datetime | None
    """None: the secret was shown, and asks for nothing yet."""
    last_step: int
    """The step of the last code that was accepted: the number of half minutes since 1970."""


_COLUMNS = columns_of(totp_secrets, TotpSecret)


class TotpSecretRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, user_id: UUID, encrypted_secret: bytes, at: datetime) -> bool:
        """Store a secret that waits for its first code, in place of another one that waits.

        Return False if the user has confirmed one.
        """
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        values = {"encrypted_secret": encrypted_secret, "created_at": at, "confirmed_at": None, "last_step": 0}
        statement = dialect.insert(totp_secrets).values(id=uuid4(), user_id=user_id, **values)
        waits = totp_secrets.c.confirmed_at.is_(None)
        statement = statement.on_conflict_do_update(index_elements=[totp_secrets.c.user_id], set_=values, where=waits)
        return self._connection.execute(statement).rowcount == 1

    def get(self, user_id: UUID) -> TotpSecret | None:
        query = select(*_COLUMNS).where(totp_secrets.c.user_id == user_id)
        row = self._connection.execute(query).one_or_none()
        return TotpSecret(*row) if row is not None else None

    def confirmed(self, *, limit: int) -> list[TotpSecret]:
        """Return up to `limit` secrets of all users, in no order, without those that wait for their first code."""
        query = select(*_COLUMNS).where(totp_secrets.c.confirmed_at.is_not(None)).limit(limit)
        return [TotpSecret(*row) for row in self._connection.execute(query)]

    def confirm(self, secret: TotpSecret, step: int, at: datetime) -> bool:
        """Turn the secret on. The step of the confirming code counts as used.

        Return False if another request has confirmed or replaced it.
        """
        statement = (
            update(totp_secrets)
            .where(
                totp_secrets.c.user_id == secret.user_id,
                totp_secrets.c.encrypted_secret == secret.encrypted_secret,
                totp_secrets.c.confirmed_at.is_(None),
            )
            .values(confirmed_at=at, last_step=step)
        )
        return self._connection.execute(statement).rowcount == 1

    def use_step(self, user_id: UUID, step: int) -> bool:
        """Accept a step. Return False if it, or a later one, was accepted before, or if there is no confirmed secret.

        If several requests use the same step, one of them succeeds.
        """
        statement = (
            update(totp_secrets)
            .where(
                totp_secrets.c.user_id == user_id,
                totp_secrets.c.confirmed_at.is_not(None),
                totp_secrets.c.last_step < step,
            )
            .values(last_step=step)
        )
        return self._connection.execute(statement).rowcount == 1

    def encrypt_anew(self, secret: TotpSecret, encrypted_secret: bytes) -> None:
        """Replace the ciphertext of the same secret, unless another request came first."""
        same = (
            totp_secrets.c.user_id == secret.user_id,
            totp_secrets.c.encrypted_secret == secret.encrypted_secret,
        )
        self._connection.execute(update(totp_secrets).where(*same).values(encrypted_secret=encrypted_secret))

    def delete(self, user_id: UUID) -> bool:
        """Return False if the user had confirmed none. One that waits is deleted too."""
        statement = delete(totp_secrets).where(totp_secrets.c.user_id == user_id).returning(totp_secrets.c.confirmed_at)
        return self._connection.execute(statement).scalar() is not None
