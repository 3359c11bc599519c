"""Sessions: the table, the record and the queries.

Every race about a session is decided here, by the condition of one statement.
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
    # How often the session was refreshed. The one refresh token that is good now carries this number.
    Column("generation", Integer, nullable=False),
    # Random; every refresh token proves that its maker knew it, so REFRESH_SECRET alone forges nothing.
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
    # The last generation that was handed out again to its predecessor after the grace; NULL if none ever was.
    Column("late_generation", Integer),
    # How and when the user proved to be the user, and where from. NULL in rows of versions before 0004.
    Column("amr", JSON(none_as_null=True)),
    Column("auth_time", UtcDateTime),
    Column("address", String(64)),
    Column("user_agent", String(256)),
    # Computed by the database from `expires_at` (migration 0002). A refresh that changes no indexed column costs
    # PostgreSQL no entry in any index, and the day changes once a day.
    Column("expires_on", Date, index=True, info=COMPUTED),
    # The sessions of a user that have not been ended. Whoever signs in and out all day leaves thousands that have.
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
    """How often it was refreshed; the one refresh token that is good now carries this number."""
    key: bytes
    """32 random bytes that every refresh token of the session proves."""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    """When it dies unless refreshed before; never past `ends_at`."""
    ends_at: datetime
    """When it dies however often it is refreshed."""
    revoked_at: datetime | None
    previously_refreshed_at: datetime | None = None
    """When the refresh before the last one was."""
    arrived_generation: int = 0
    """The newest generation of which a token is known to have reached the client; see sessions/worth.py."""
    late_generation: int | None = None
    """The last generation that was handed out again to its predecessor after the grace."""
    amr: list[str] | None = None
    """How the user proved to be the user (RFC 8176); None if a version that did not record it opened the session."""
    auth_time: datetime | None = None
    """When the user proved it; None as above."""
    address: str | None = None
    """The network address that opened the session."""
    user_agent: str | None = None
    """The program that opened it, as that called itself; at most 256 characters."""

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def __repr__(self) -> str:
        return f"Session(id={self.id}, generation={self.generation})"


_COLUMNS = columns_of(sessions, Session)
_COLUMNS_OF_USER = columns_of(users, User)

_others = sessions.alias("others")

# Built once, because building a statement takes a third of the time that it takes to run. These run most often.
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
# The count comes with the same round trip. The user's row is locked, so no other login adds a session meanwhile.
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
# Passes over what somebody else has locked. Many rows are marked in one transaction, and others end many in one: they
# could wait for each other. Who locks a session refreshes or ends it, and then this says nothing any more; or hands it
# out late, and is believed once more.
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
        """Store a new session, and say how many others of its user are alive."""
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
        """Move the session one generation on; None if it is dead or somebody else moved it first."""
        values = {
            "session_id": session.id,
            "present_generation": session.generation,
            "next_generation": session.generation + 1,
            "now": now,
            "next_expires_at": expires_at,
        }
        row = (await self._connection.execute(_ROTATE, values)).one_or_none()
        return Session(*row) if row is not None else None

    async def hand_out_late(self, session: Session, *, now: datetime) -> Session | None:
        """Write down that the present generation is handed out again to its predecessor after the grace.

        None if it may not be: the session has ended or moved on, a token of this generation has reached the client, or
        the generation before this one was handed out late too.
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
        """Write down, by session, of which generation a token has reached the client; an older one says nothing."""
        values = [{"session_id": id_, "arrived": generation} for id_, generation in generations.items()]
        await self._connection.execute(_MARK_ARRIVED, values)

    async def revoke(self, session_id: UUID, now: datetime) -> bool:
        """End the session; False if it had ended before."""
        return bool(await self._revoke(sessions.c.id == session_id, now))

    async def revoke_all(self, user_id: UUID, now: datetime) -> list[UUID]:
        """End every session of the user; return those that were alive."""
        return await self._revoke(sessions.c.user_id == user_id, now)

    async def revoke_surplus(self, session: Session, *, keep: int) -> list[UUID]:
        """End all but the `keep` other sessions of a new one's user that were refreshed last; return those ended."""
        now = session.created_at
        others = and_(sessions.c.user_id == session.user_id, sessions.c.id != session.id)
        freshness = (sessions.c.refreshed_at, sessions.c.id)
        # Compared with one row, not looked up among many: there a planner whose statistics are old compares each of
        # thousands with each.
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
        """Delete up to `limit` sessions of the user that have ended, and say how many."""
        ended = (
            select(sessions.c.id)
            .where(sessions.c.user_id == user_id, or_(sessions.c.revoked_at.is_not(None), sessions.c.expires_at <= now))
            .limit(limit)
        )
        return (await self._connection.execute(delete(sessions).where(sessions.c.id.in_(ended)))).rowcount

    async def count_alive(self, now: datetime) -> int:
        """How many sessions are alive, told by the index of their days, and of those of today by their rows."""
        today = now.astimezone(UTC).date()
        count = select(func.count()).select_from(sessions)
        later = count.where(sessions.c.expires_on > today)
        of_today = count.where(sessions.c.expires_on == today, *_alive(now))
        statement = select(later.scalar_subquery() + of_today.scalar_subquery())
        return int((await self._connection.execute(statement)).scalar_one())

    async def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` sessions that were over before today, and say how many.

        A session that is gone counts as dead.
        """
        today = now.astimezone(UTC).date()
        is_over = sessions.c.expires_on < today
        over = select(sessions.c.id).where(is_over).order_by(sessions.c.expires_on).limit(limit)
        # Twice: by a clock behind ours it may have been refreshed since the row was found.
        statement = delete(sessions).where(sessions.c.id.in_(over), is_over)
        return (await self._connection.execute(statement)).rowcount

    async def _revoke(self, which: ColumnElement[bool], now: datetime) -> list[UUID]:
        # Its expiry too, by which the dead are found and deleted.
        statement = (
            update(sessions).where(which, *_alive(now)).values(revoked_at=now, expires_at=now).returning(sessions.c.id)
        )
        return list((await self._connection.execute(statement)).scalars())


def _alive(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return sessions.c.revoked_at.is_(None), sessions.c.expires_at > now
