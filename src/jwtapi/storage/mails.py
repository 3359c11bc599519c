"""Mails: the outbox, its record and its queries.

A mail is stored in the transaction of the change that it is about, and deleted when a mail server has accepted it. No
row has a secret: links are made when a mail is sent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Update,
    Uuid,
    and_,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

LONGEST_ERROR = 200
"""Characters."""

mails = Table(
    "mails",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    # The user whom the mail is about, if the row may tell. No foreign key: the notice of a deletion outlives the user.
    Column("user_id", Uuid, index=True),
    # NULL if the address is looked up when the mail is sent.
    Column("recipient", String(320)),
    Column("details", JSON, nullable=False),
    Column("language", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When the next attempt to send it begins. An attempt moves it into the future, which is the lease of the attempt.
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    # When it was given up. NULL while it waits.
    Column("failed_at", UtcDateTime),
    # Why the last attempt failed. NULL while an attempt is in progress, and after one that was cut off.
    Column("last_error", String(LONGEST_ERROR)),
    # Two partial indexes. If one covered both states, SQLite would sort all mails that wait to find those that are due.
    Index(None, "due_at", sqlite_where=text("failed_at IS NULL"), postgresql_where=text("failed_at IS NULL")),
    Index(
        None, "failed_at", sqlite_where=text("failed_at IS NOT NULL"), postgresql_where=text("failed_at IS NOT NULL")
    ),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class QueuedMail:
    id: UUID
    kind: str
    """The name of a MailKind. This version may not know it, if a later version stored the mail."""
    user_id: UUID | None
    recipient: str | None
    """The address. None if it is looked up when the mail is sent."""
    details: Mapping[str, Any]
    """A JSON object without secrets."""
    language: str
    created_at: datetime
    due_at: datetime
    """When the next attempt begins."""
    attempts: int = 0
    """How many attempts have begun."""
    failed_at: datetime | None = None
    """When the mail was given up."""
    last_error: str | None = None
    """Why the last attempt failed, for the operator."""

    def __repr__(self) -> str:
        return f"QueuedMail(id={self.id}, kind={self.kind})"


class MailCounts(NamedTuple):
    """The state of the outbox."""

    waiting: int
    failed: int
    """Mails that were given up."""
    oldest: datetime | None
    """When the oldest mail that waits was stored."""


_COLUMNS = columns_of(mails, QueuedMail)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Earlier than all mails. A comparison with it makes SQLite use the index."""

_WAITS = mails.c.failed_at.is_(None)


class MailRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, mail: QueuedMail) -> None:
        values = {column.name: getattr(mail, column.name) for column in _COLUMNS}
        self._connection.execute(insert(mails), values)

    def claim(
        self, now: datetime, *, leased_until: datetime, limit: int, except_for: Collection[UUID] = ()
    ) -> list[QueuedMail]:
        """Begin an attempt for up to `limit` mails that are due, and return them as stored now.

        Nobody else claims them before the lease ends. Mails that another transaction claims now are skipped, and the
        mails `except_for`, of which the caller has attempts.
        """
        due = (
            select(mails.c.id)
            .where(_WAITS, mails.c.due_at <= now, mails.c.id.not_in(except_for))
            .order_by(mails.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        statement = (
            update(mails)
            .where(mails.c.id.in_(select(due.c.id)))
            .values(due_at=leased_until, attempts=mails.c.attempts + 1, last_error=None)
            .returning(*_COLUMNS)
        )
        return [QueuedMail(*row) for row in self._connection.execute(statement)]

    def renew(self, claimed: Collection[QueuedMail], leased_until: datetime) -> None:
        """Extend the leases of attempts that go on."""
        self._connection.execute(_in_progress(claimed).values(due_at=leased_until))

    def hand_back(self, claimed: Collection[QueuedMail], now: datetime) -> None:
        """End the leases of attempts that were cut off before the mail server had the mail."""
        self._connection.execute(_in_progress(claimed).values(due_at=now))

    def put_off(self, mail: QueuedMail, *, due_at: datetime, error: str) -> None:
        """End an attempt that failed. Does nothing if another attempt has begun since."""
        self._connection.execute(_in_progress([mail]).values(due_at=due_at, last_error=error[:LONGEST_ERROR]))

    def give_up(self, mail: QueuedMail, *, at: datetime, error: str) -> None:
        """End the last attempt. Does nothing if another attempt has begun since."""
        self._connection.execute(_in_progress([mail]).values(failed_at=at, last_error=error[:LONGEST_ERROR]))

    def get(self, mail_id: UUID) -> QueuedMail | None:
        row = self._connection.execute(select(*_COLUMNS).where(mails.c.id == mail_id)).one_or_none()
        return QueuedMail(*row) if row is not None else None

    def delete(self, mail_id: UUID) -> None:
        self._connection.execute(delete(mails).where(mails.c.id == mail_id))

    def take(self, mail_id: UUID) -> QueuedMail | None:
        """Delete the mail, and return it."""
        row = self._connection.execute(delete(mails).where(mails.c.id == mail_id).returning(*_COLUMNS)).one_or_none()
        return QueuedMail(*row) if row is not None else None

    def delete_given_up_of(self, user_ids: Sequence[UUID], *, limit: int) -> int:
        """Delete up to `limit` mails about these users that were given up, and return how many."""
        given_up = (mails.c.user_id.in_(user_ids), mails.c.failed_at.is_not(None))
        some = select(mails.c.id).where(*given_up).limit(limit)
        return self._connection.execute(delete(mails).where(mails.c.id.in_(some), *given_up)).rowcount

    def retry(self, mail_ids: Collection[UUID] | None, now: datetime) -> int:
        """Make mails due now, and return how many: those that were given up, and those whose last attempt failed.

        None means all of them. A mail that is being sent is left alone.
        """
        has_failed = or_(mails.c.failed_at.is_not(None), mails.c.last_error.is_not(None))
        named = [mails.c.id.in_(mail_ids)] if mail_ids is not None else []
        statement = update(mails).where(has_failed, *named).values(failed_at=None, attempts=0, due_at=now)
        return self._connection.execute(statement).rowcount

    def page(self, *, after: UUID | None, limit: int) -> list[QueuedMail]:
        """Return the mails whose ids follow `after`, in the order of their ids."""
        later = [mails.c.id > after] if after is not None else []
        rows = self._connection.execute(select(*_COLUMNS).where(*later).order_by(mails.c.id).limit(limit))
        return [QueuedMail(*row) for row in rows]

    def existing(self, mail_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that a mail has."""
        return set(self._connection.execute(select(mails.c.id).where(mails.c.id.in_(mail_ids))).scalars())

    def count(self) -> MailCounts:
        waiting = select(func.count()).where(_WAITS, mails.c.due_at > _EPOCH).scalar_subquery()
        failed = select(func.count()).where(mails.c.failed_at > _EPOCH).scalar_subquery()
        oldest = select(func.min(mails.c.created_at)).where(_WAITS, mails.c.due_at > _EPOCH).scalar_subquery()
        return MailCounts(*self._connection.execute(select(waiting, failed, oldest)).one())

    def prune(self, given_up_until: datetime, *, limit: int) -> int:
        """Delete up to `limit` mails that were given up before, and return how many."""
        is_old = mails.c.failed_at <= given_up_until
        old = select(mails.c.id).where(is_old).order_by(mails.c.failed_at).limit(limit)
        # Check the condition again when deleting: the operator may have let it be sent again.
        return self._connection.execute(delete(mails).where(mails.c.id.in_(old), is_old)).rowcount


def _in_progress(claimed: Collection[QueuedMail]) -> Update:
    """Update the rows of these attempts, unless a later attempt has begun because the lease had ended."""
    attempts = [and_(mails.c.id == mail.id, mails.c.attempts == mail.attempts) for mail in claimed]
    of_these = mails.c.id.in_([mail.id for mail in claimed])  # by the primary key, however many mails wait
    return update(mails).where(of_these, _WAITS, mails.c.last_error.is_(None), or_(false(), *attempts))
