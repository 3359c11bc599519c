"""Queries on sessions. Every race about a session is decided here, by the condition of one statement."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.records import Session, User
from jwtapi.storage.tables import sessions, users

_COLUMNS = [column for column in sessions.c if column is not sessions.c.expires_on]

# Made once: to make one takes a third as long as all the rest, and these are sent most of all.
_WITH_USER = select(*_COLUMNS, users).join_from(sessions, users).where(sessions.c.id == bindparam("session_id"))
_ROTATE = (
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.generation == bindparam("present_generation"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
    )
    .values(
        generation=bindparam("next_generation"), refreshed_at=bindparam("now"), expires_at=bindparam("next_expires_at")
    )
    .returning(*_COLUMNS)
)


class SessionOfUser(NamedTuple):
    session: Session
    user: User


class SessionRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        values = {column.name: getattr(session, column.name) for column in _COLUMNS}
        await self._connection.execute(insert(sessions).values(values))

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

    async def revoke(self, session_id: UUID, now: datetime) -> bool:
        """End the session; False if it had ended before."""
        return bool(await self._revoke(sessions.c.id == session_id, now))

    async def revoke_all(self, user_id: UUID, now: datetime) -> list[UUID]:
        """End every session of the user; return those that were alive."""
        return await self._revoke(sessions.c.user_id == user_id, now)

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
        alive = (which, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
        # Its expiry too, by which the dead are found and deleted.
        statement = update(sessions).where(*alive).values(revoked_at=now, expires_at=now).returning(sessions.c.id)
        return list((await self._connection.execute(statement)).scalars())
