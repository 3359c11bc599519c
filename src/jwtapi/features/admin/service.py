"""Administers users and sessions. Whatever ends a user's sessions holds from the next request on."""

from collections.abc import Collection

from jwtapi import audit
from jwtapi.caller import COMMAND_LINE
from jwtapi.clock import Clock
from jwtapi.features.admin.errors import UnknownUser
from jwtapi.features.admin.roles import parse_roles
from jwtapi.security.usernames import parse_username
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.events import (
    PASSWORD_CHANGED,
    ROLES_CHANGED,
    USER_DELETED,
    USER_DISABLED,
    USER_ENABLED,
)
from jwtapi.users.service import NewPasswords

_PAGE = 1000
_BATCH = 500
"""Rows a transaction: on SQLite nobody else can write meanwhile."""


class AdminService:
    def __init__(self, database: Database, sessions: SessionService, passwords: NewPasswords, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def users(self, *, after: str = "") -> list[User]:
        """A page of users by canonical name, from the one behind `after`."""
        async with self._database.read() as uow:
            return await uow.users.list(after=after, limit=_PAGE)

    async def disable(self, username: str) -> None:
        """Let the user sign in no more, and end every session.

        Raises:
            UnknownUser
        """
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            if user.disabled_at is None:
                await uow.users.set_disabled(user.id, self._clock())
                await self._record(uow, USER_DISABLED, user)
            await self._sessions.end_all(uow, user.id, COMMAND_LINE)

    async def enable(self, username: str) -> None:
        """Let the user sign in again.

        Raises:
            UnknownUser
        """
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            if user.disabled_at is not None:
                await uow.users.set_disabled(user.id, None)
                await self._record(uow, USER_ENABLED, user)

    async def set_password(self, username: str, password: str) -> None:
        """Set a new password and end every session.

        Raises:
            UnknownUser
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: it will not do.
        """
        async with self._database.read() as uow:
            user = await _user_named(uow, username)
        password_hash = await self._passwords.hash(password, username=user.username)
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            await uow.users.set_password_hash(user.id, password_hash)
            await self._record(uow, PASSWORD_CHANGED, user)
            await self._sessions.end_all(uow, user.id, COMMAND_LINE)

    async def delete(self, username: str) -> None:
        """Delete the user with settings and sessions. The events keep the id, which then means nobody.

        Raises:
            UnknownUser
        """
        await self._delete_ended_sessions(username)
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            await self._sessions.end_all(uow, user.id, COMMAND_LINE)
            await uow.users.delete(user.id)
            await self._record(uow, USER_DELETED, user)

    async def change_roles(self, username: str, *, add: Collection[str], remove: Collection[str]) -> list[str]:
        """Add and remove roles, and return those that the user has now. Tokens with the old roles are refused at once.

        Raises:
            UnknownUser
            RolesInvalid: the user would have roles that no token can carry.
        """
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            roles = parse_roles(add, beside=[role for role in user.roles if role not in remove])
            if roles != user.roles:
                await uow.users.set_roles(user.id, roles)
                await self._record(uow, ROLES_CHANGED, user)
        return roles

    async def _delete_ended_sessions(self, username: str) -> None:
        """Delete the sessions that have ended a batch a transaction: a user can leave more than one bears."""
        while True:
            async with self._database.write() as uow:
                user = await _user_named(uow, username)
                deleted = await uow.sessions.delete_ended(user.id, self._clock(), limit=_BATCH)
            if deleted < _BATCH:
                return

    async def _record(self, uow: UnitOfWork, type_: EventType, user: User) -> None:
        await audit.record(uow, type_, at=self._clock(), caller=COMMAND_LINE, user_id=user.id)


async def _user_named(uow: UnitOfWork, username: str) -> User:
    user = await uow.users.by_name(parse_username(username).canonical)
    if user is None:
        raise UnknownUser(username)
    return user


async def _locked_user(uow: UnitOfWork, username: str) -> User:
    """The user before any session, which is the order of a login: in the other one they would wait for each other."""
    user = await uow.users.get_for_update((await _user_named(uow, username)).id)
    if user is None:
        raise UnknownUser(username)
    return user
