"""What authenticators must sign: the table and the queries. Each challenge is used once, right or wrong."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Connection, ForeignKey, LargeBinary, String, Table, delete, insert, select

from jwtapi.storage.metadata import PRUNED, TRANSIENT, metadata
from jwtapi.storage.types import UtcDateTime

passkey_challenges = Table(
    "passkey_challenges",
    metadata,
    # SHA-256 of the challenge.
    Column("challenge_hash", LargeBinary(32), primary_key=True),
    # `create` for a new passkey, `get` for a sign-in.
    Column("kind", String(8), nullable=False),
    # Who may use it. NULL: anybody, because the user signs in without a name.
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    info=TRANSIENT | PRUNED,
)


class PasskeyChallengeRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, challenge_hash: bytes, kind: str, user_id: UUID | None, expires_at: datetime) -> None:
        values = {"challenge_hash": challenge_hash, "kind": kind, "user_id": user_id, "expires_at": expires_at}
        self._connection.execute(insert(passkey_challenges).values(values))

    def use(self, challenge_hash: bytes, kind: str, user_id: UUID | None, now: datetime) -> bool:
        """Delete the challenge. Return whether it was of this kind, for this user, and not expired.

        If several requests use it, one of them succeeds. It is gone also if it is for something else.
        """
        statement = (
            delete(passkey_challenges)
            .where(passkey_challenges.c.challenge_hash == challenge_hash)
            .returning(passkey_challenges.c.kind, passkey_challenges.c.user_id, passkey_challenges.c.expires_at)
        )
        row = self._connection.execute(statement).one_or_none()
        return row is not None and (row.kind, row.user_id) == (kind, user_id) and row.expires_at > now

    def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` expired challenges, and return how many."""
        expired = select(passkey_challenges.c.challenge_hash).where(passkey_challenges.c.expires_at <= now).limit(limit)
        statement = delete(passkey_challenges).where(passkey_challenges.c.challenge_hash.in_(expired))
        return self._connection.execute(statement).rowcount
