"""Queries on users."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.records import User
from jwtapi.storage.tables import users

_LOOKED_AT = 100_000
"""A tenth of a second's work. Who was brought from elsewhere lies in front of those who came later."""


class DuplicateUsername(Exception):
    """The canonical name is taken. The transaction is spoiled: let this leave its block."""


class UserRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            DuplicateUsername: however many try at once, one wins.
        """
        values = {name: getattr(user, name) for name in users.c.keys()}  # noqa: SIM118  a collection, not a dict
        try:
            await self._connection.execute(insert(users).values(values))
        except IntegrityError:
            raise DuplicateUsername from None

    async def get(self, user_id: UUID) -> User | None:
        return await self._one(users.c.id == user_id)

    async def by_name(self, canonical_username: str) -> User | None:
        return await self._one(users.c.canonical_username == canonical_username)

    async def list(self, *, after: str = "", limit: int = 1000) -> list[User]:
        """Up to `limit` users by canonical name, from the one behind `after`."""
        query = (
            select(users).where(users.c.canonical_username > after).order_by(users.c.canonical_username).limit(limit)
        )
        return [User(*row) for row in await self._connection.execute(query)]

    async def get_for_update(self, user_id: UUID) -> User | None:
        """The user, whom no other transaction changes until this one ends."""
        return await self._one(users.c.id == user_id, lock=True)

    async def count_hashes(self, *, known: Sequence[str], others: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """How many password hashes begin with none of `known`, by the name in `others` of what they begin with.

        What begins with nothing in `others` is counted as "another". Looks at _LOOKED_AT users at most.
        """
        stored = select(func.ltrim(users.c.password_hash, " \t\r\n").label("hash")).limit(_LOOKED_AT).subquery()
        names = [(_begins_with(stored.c.hash, beginnings), name) for name, beginnings in others.items()]
        unknown = (
            select(case(*names, else_="another").label("name"))
            .where(not_(_begins_with(stored.c.hash, known)))
            .subquery()
        )
        counts = select(unknown.c.name, func.count()).group_by(unknown.c.name).order_by(unknown.c.name)
        return {row[0]: row[1] for row in await self._connection.execute(counts)}

    async def set_settings(self, user_id: UUID, settings: dict[str, Any]) -> None:
        await self._set(user_id, settings=settings)

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        await self._set(user_id, password_hash=password_hash)

    async def set_roles(self, user_id: UUID, roles: Sequence[str]) -> None:
        await self._set(user_id, roles=list(roles))

    async def set_disabled(self, user_id: UUID, disabled_at: datetime | None) -> None:
        await self._set(user_id, disabled_at=disabled_at)

    async def delete(self, user_id: UUID) -> None:
        """Delete the user and, by the foreign key, the sessions."""
        await self._connection.execute(delete(users).where(users.c.id == user_id))

    async def _set(self, user_id: UUID, **values: Any) -> None:
        await self._connection.execute(update(users).where(users.c.id == user_id).values(values))

    async def _one(self, condition: Any, *, lock: bool = False) -> User | None:
        query = select(users).where(condition)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).one_or_none()
        return User(*row) if row is not None else None


def _begins_with(text: ColumnElement[str], beginnings: Sequence[str]) -> ColumnElement[bool]:
    """Look each length up among all beginnings of that length, for there may be hundreds; the first come first."""
    by_length: dict[int, list[str]] = {}
    for beginning in beginnings:
        by_length.setdefault(len(beginning), []).append(beginning)
    return or_(*(func.substr(text, 1, length).in_(found) for length, found in by_length.items()))
