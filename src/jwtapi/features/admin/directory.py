"""Finds users, their sessions and their API keys, for administrators."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.storage.api_keys import ApiKey
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import Session
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_search import Position, UserFilter, UserOrder, UserSearch, position_of
from jwtapi.storage.users import User

MAX_SESSIONS = 100


class Page(NamedTuple):
    users: Sequence[User]
    next: Position | None
    """None: there are no more."""


class UserDirectory:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def search(self, which: UserFilter, *, order: UserOrder, after: Position | None, limit: int) -> Page:
        """Return up to `limit` users after the position, by one statement."""
        found = await self._database.read(
            lambda uow: UserSearch(uow.connection).page(which, order=order, after=after, limit=limit + 1)
        )
        has_more = len(found) > limit
        return Page(found[:limit], position_of(found[limit - 1], order) if has_more else None)

    async def get(self, user_id: UUID) -> User:
        """Return a user.

        Raises:
            NotFound: there is no such user.
        """
        return await self._database.read(lambda uow: _user(uow, user_id))

    async def sessions(self, user_id: UUID) -> Sequence[Session]:
        """Return up to MAX_SESSIONS sessions that are alive, the last used first.

        Raises:
            NotFound: there is no such user.
        """

        def sessions(uow: UnitOfWork) -> Sequence[Session]:
            return uow.sessions.alive_of(_user(uow, user_id).id, self._clock(), limit=MAX_SESSIONS)

        return await self._database.read(sessions)

    async def keys(self, user_id: UUID) -> Sequence[ApiKey]:
        """Return the API keys of a user, the oldest first.

        Raises:
            NotFound: there is no such user.
        """
        return await self._database.read(lambda uow: uow.api_keys.of_user(_user(uow, user_id).id))


def _user(uow: UnitOfWork, user_id: UUID) -> User:
    user = uow.users.get(user_id)
    if user is None:
        raise NotFound
    return user
