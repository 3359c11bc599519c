"""Signing keys: the table, the record and the queries.

A row has no state. Its times and the clock decide whether it is pending, active or retired: see security/key_ring.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Index,
    LargeBinary,
    String,
    Table,
    Uuid,
    delete,
    insert,
    select,
    update,
)

from jwtapi.settings import SigningAlgorithm
from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

SECRET = SigningAlgorithm.HS256.value
"""The `kid` of the row that stands for JWT_SECRET, since an installation has had another algorithm."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    # The thumbprint (RFC 7638), or SECRET.
    Column("kid", String(43), nullable=False),
    Column("algorithm", String(16), nullable=False),
    # As published. Empty for SECRET.
    Column("public_jwk", JSON, nullable=False),
    # The private key, encrypted under REFRESH_SECRET; see security/key_pairs.py. NULL for SECRET, if it comes from
    # SIGNING_KEY, and if it was revoked.
    Column("encrypted_private", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    # From when on it signs, until a newer one does.
    Column("sign_from", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Index(None, "kid", unique=True),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    algorithm: str
    public_jwk: Mapping[str, Any]
    encrypted_private: bytes | None = field(repr=False)
    created_at: datetime
    sign_from: datetime
    revoked_at: datetime | None = None


_COLUMNS = columns_of(signing_keys, SigningKey)


class SigningKeyRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[SigningKey]:
        """Return every key, also revoked ones, the newest first."""
        query = select(*_COLUMNS).order_by(signing_keys.c.sign_from.desc())
        return [SigningKey(*row) for row in self._connection.execute(query)]

    def add(self, key: SigningKey) -> None:
        values = {column.name: getattr(key, column.name) for column in _COLUMNS}
        self._connection.execute(insert(signing_keys).values(values))

    def revoke(self, kid: str, now: datetime) -> bool:
        """Mark a key as revoked. Return False if there is none, or if it was revoked before.

        The row stays permanently. Otherwise the key would be a new one for a start that finds it in SIGNING_KEY.
        """
        unrevoked = (signing_keys.c.kid == kid, signing_keys.c.revoked_at.is_(None))
        revoking = update(signing_keys).where(*unrevoked).values(revoked_at=now, encrypted_private=None)
        return self._connection.execute(revoking).rowcount == 1

    def set_encrypted(self, kid: str, encrypted_private: bytes, *, instead_of: bytes | None) -> bool:
        """Replace the encrypted private key. Return False if another process was quicker."""
        column = signing_keys.c.encrypted_private
        unchanged = (signing_keys.c.kid == kid, column.is_(None) if instead_of is None else column == instead_of)
        changing = update(signing_keys).where(*unchanged).values(encrypted_private=encrypted_private)
        return self._connection.execute(changing).rowcount == 1

    def set_sign_from(self, kid: str, sign_from: datetime) -> None:
        self._connection.execute(update(signing_keys).where(signing_keys.c.kid == kid).values(sign_from=sign_from))

    def sign_with_secret_from(self, sign_from: datetime, now: datetime) -> None:
        """Let JWT_SECRET sign from `sign_from` on."""
        changing = update(signing_keys).where(signing_keys.c.kid == SECRET)
        if self._connection.execute(changing.values(sign_from=sign_from, revoked_at=None)).rowcount == 0:
            self.add(SigningKey(SECRET, SECRET, {}, None, now, sign_from))

    def delete(self, kid: str, sign_from: datetime) -> int:
        """Delete a key, unless another process has let it sign from another time on. Return the number of rows."""
        unchanged = (signing_keys.c.kid == kid, signing_keys.c.sign_from == sign_from)
        return self._connection.execute(delete(signing_keys).where(*unchanged)).rowcount
