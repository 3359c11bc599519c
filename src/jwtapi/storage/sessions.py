"""Sessions: the table, the record and the queries.

If several requests change a session, the condition of one statement here decides which of them succeeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.metadata import COMPUTED, PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.users import User, users

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # How often the session was refreshed. The current refresh token carries this number.
    Column("generation", Integer, nullable=False),
    # Random. Every refresh token proves that its issuer knew the key, so REFRESH_SECRET alone cannot forge one.
    Column("key", LargeBinary(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    # When the refresh before the last one was; NULL if there was none.
    Column("previously_refreshed_at", UtcDateTime),
    # The newest generation of which a token is known to have reached the client; see sessions/worth.py.
    Column("arrived_generation", Integer, nullable=False, server_default="0"),
    # The last generation whose token was issued again to the client of its predecessor after the grace; NULL if none.
    Column("late_generation", Integer),
    # How, when and from where the user signed in. NULL in rows that were made before migration 0004.
    Column("amr", JSON(none_as_null=True)),
    Column("auth_time", UtcDateTime),
    Column("address", String(64)),
    Column("user_agent", String(256)),
    # The database computes it from `expires_at` (migration 0002). PostgreSQL writes no index entries for a refresh that
    # changes no indexed column, and this column changes once a day.
    Column("expires_on", Date, index=True, info=COMPUTED),
    # The sessions of a user that are not revoked. A user who signs in and out all day leaves thousands of revoked ones.
    Index(
        "ix_sessions_user_id_unrevoked",
        "user_id",
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    user_id: UUID
    generation: int
    """How often the session was refreshed. The current refresh token carries this number."""
    key: bytes
    """32 random bytes. Every refresh token of the session proves that its issuer knew them."""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    """When the session ends unless it is refreshed before. Never later than `ends_at`."""
    ends_at: datetime
    """When the session ends, even if it is refreshed."""
    revoked_at: datetime | None
    previously_refreshed_at: datetime | None = None
    """When the refresh before the last one was."""
    arrived_generation: int = 0
    """The newest generation of which a token is known to have reached the client; see sessions/worth.py."""
    late_generation: int | None = None
    """The last generation whose token was issued again to the client of its predecessor after the grace."""
    amr: list[str] | None = None
    """The methods by which the user signed in (RFC 8176). None if an earlier version opened the session."""
    auth_time: datetime | None = None
    """When the user signed in. None if an earlier version opened the session."""
    address: str | None = None
    """The network address that opened the session."""
    user_agent: str | None = None
    """The header User-Agent of the request that opened the session, at most 256 characters."""

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def __repr__(self) -> str:
        return f"Session(id={self.id}, generation={self.generation})"


_COLUMNS = columns_of(sessions, Session)
_COLUMNS_OF_USER = columns_of(users, User)

_others = sessions.alias("others")

# Built once, because building a statement takes a third as long as running it. These statements run most often.
_WITH_USER = (
    select(*_COLUMNS, *_COLUMNS_OF_USER).join_from(sessions, users).where(sessions.c.id == bindparam("session_id"))
)
_ROTATE = (
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.generation == bindparam("present_generation"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
    )
    .values(
        generation=bindparam("next_generation"),
        previously_refreshed_at=sessions.c.refreshed_at,
        refreshed_at=bindparam("now"),
        expires_at=bindparam("next_expires_at"),
    )
    .returning(*_COLUMNS)
)
# The statement also counts the user's other sessions, which saves a round trip. The user's row is locked, so no other
# login can add a session meanwhile.
_ADD = insert(sessions).returning(
    select(func.count())
    .select_from(_others)
    .where(
        _others.c.user_id == bindparam("of_user"),
        _others.c.id != bindparam("new_id"),
        _others.c.revoked_at.is_(None),
        _others.c.expires_at > bindparam("now"),
    )
    .scalar_subquery()
)
# Skips locked rows. This transaction marks many rows, and another one may revoke many, so they could deadlock. Skipping
# does little harm. If the other transaction refreshes or ends the session, the mark no longer matters. If it issues the
# token again late, the same is possible once more.
_MARK_ARRIVED = (
    update(sessions)
    .where(
        sessions.c.id
        == select(_others.c.id)
        .where(
            _others.c.id == bindparam("session_id"),
            _others.c.generation == bindparam("arrived"),
            _others.c.arrived_generation < bindparam("arrived"),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(arrived_generation=bindparam("arrived"))
)


class SessionOfUser(NamedTuple):
    session: Session
    user: User

    def lets_in(self, now: datetime) -> bool:
        """Return whether the session is alive and its user enabled."""
        return self.session.is_alive(now) and self.user.disabled_at is None


class SessionRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> int:
        """Store a new session, and return how many other sessions of its user are alive."""
        values = {column.name: getattr(session, column.name) for column in _COLUMNS}
        others = {"of_user": session.user_id, "new_id": session.id, "now": session.created_at}
        return int((await self._connection.execute(_ADD, values | others)).scalar_one())

    async def get(self, session_id: UUID) -> Session | None:
        row = (await self._connection.execute(select(*_COLUMNS).where(sessions.c.id == session_id))).one_or_none()
        return Session(*row) if row is not None else None

    async def with_user(self, session_id: UUID) -> SessionOfUser | None:
        row = (await self._connection.execute(_WITH_USER, {"session_id": session_id})).one_or_none()
        if row is None:
            return None
        width = len(_COLUMNS)
        return SessionOfUser(Session(*row[:width]), User(*row[width:]))

    async def rotate(self, session: Session, *, now: datetime, expires_at: datetime) -> Session | None:
        """Move the session to its next generation. Return None if it has ended or another request moved it first."""
        values = {
            "session_id": session.id,
            "present_generation": session.generation,
            "next_generation": session.generation + 1,
            "now": now,
            "next_expires_at": expires_at,
        }
        row = (await self._connection.execute(_ROTATE, values)).one_or_none()
        return Session(*row) if row is not None else None

    async def reissue_late(self, session: Session, *, now: datetime) -> Session | None:
        """Record that the current token is issued again, after the grace, to a client that has its predecessor.

        Return None if that is not allowed: the session has ended or moved on, a token of this generation has reached
        the client, or the token of the previous generation was issued again late too.
        """
        statement = (
            update(sessions)
            .where(
                sessions.c.id == session.id,
                sessions.c.generation == session.generation,
                sessions.c.arrived_generation < session.generation,
                sessions.c.late_generation.is_distinct_from(session.generation - 1),
                sessions.c.revoked_at.is_(None),
                sessions.c.expires_at > now,
            )
            .values(late_generation=session.generation)
            .returning(*_COLUMNS)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return Session(*row) if row is not None else None

    async def mark_arrived(self, generations: Mapping[UUID, int]) -> None:
        """Record, by session, the generation whose token has reached the client. Older generations are ignored."""
        values = [{"session_id": id_, "arrived": generation} for id_, generation in generations.items()]
        await self._connection.execute(_MARK_ARRIVED, values)

    async def revoke(self, session_id: UUID, user_id: UUID, now: datetime) -> bool:
        """End the session. Return False if it had ended before, or if it belongs to another user."""
        return bool(await self._revoke(and_(sessions.c.id == session_id, sessions.c.user_id == user_id), now))

    async def revoke_all(self, user_id: UUID, now: datetime) -> list[UUID]:
        """End every session of the user. Return those that were alive."""
        return await self._revoke(sessions.c.user_id == user_id, now)

    async def revoke_surplus(self, session: Session, *, keep: int) -> list[UUID]:
        """End all sessions of a new session's user, except it and the `keep` last refreshed. Return the ended ones."""
        now = session.created_at
        others = and_(sessions.c.user_id == session.user_id, sessions.c.id != session.id)
        freshness = (sessions.c.refreshed_at, sessions.c.id)
        # Compare with one row. If we looked each row up in a list of rows, PostgreSQL with old statistics would compare
        # each of thousands with each other.
        newest_surplus = (
            select(*freshness)
            .where(others, *_alive(now))
            .order_by(*(column.desc() for column in freshness))
            .offset(keep)
            .limit(1)
            .scalar_subquery()
        )
        return await self._revoke(and_(others, tuple_(*freshness) <= newest_surplus), now)

    async def delete_ended(self, user_id: UUID, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` sessions of the user that have ended, and return how many."""
        ended = (
            select(sessions.c.id)
            .where(sessions.c.user_id == user_id, or_(sessions.c.revoked_at.is_not(None), sessions.c.expires_at <= now))
            .limit(limit)
        )
        return (await self._connection.execute(delete(sessions).where(sessions.c.id.in_(ended)))).rowcount

    async def count_alive(self, now: datetime) -> int:
        """Count the sessions that are alive. The index on their days suffices, except for those that end today."""
        today = now.astimezone(UTC).date()
        count = select(func.count()).select_from(sessions)
        later = count.where(sessions.c.expires_on > today)
        of_today = count.where(sessions.c.expires_on == today, *_alive(now))
        statement = select(later.scalar_subquery() + of_today.scalar_subquery())
        return int((await self._connection.execute(statement)).scalar_one())

    async def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` sessions that ended before today, and return how many."""
        today = now.astimezone(UTC).date()
        has_ended = sessions.c.expires_on < today
        ended = select(sessions.c.id).where(has_ended).order_by(sessions.c.expires_on).limit(limit)
        # Check the condition again when deleting: a server whose clock is behind ours may have refreshed the session
        # after the row was found.
        statement = delete(sessions).where(sessions.c.id.in_(ended), has_ended)
        return (await self._connection.execute(statement)).rowcount

    async def _revoke(self, which: ColumnElement[bool], now: datetime) -> list[UUID]:
        # Set the expiry too, because pruning and counting find sessions by it.
        statement = (
            update(sessions).where(which, *_alive(now)).values(revoked_at=now, expires_at=now).returning(sessions.c.id)
        )
        return list((await self._connection.execute(statement)).scalars())


def _alive(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return sessions.c.revoked_at.is_(None), sessions.c.expires_at > now
