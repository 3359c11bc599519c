"""Administers users and sessions. When sessions end here, their tokens are refused from the next request on."""

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
"""Rows to delete in one transaction. During a transaction on SQLite no other connection can write."""


class AdminService:
    def __init__(self, database: Database, sessions: SessionService, passwords: NewPasswords, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def users(self, *, after: str = "") -> list[User]:
        """Return a page of users, ordered by canonical name. It starts with the first name after `after`."""
        async with self._database.read() as uow:
            return await uow.users.list(after=after, limit=_PAGE)

    async def disable(self, username: str) -> None:
        """Refuse further logins of the user, and end every session.

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
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
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
        """Delete the user with settings and sessions. The events keep the id, although its user no longer exists.

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
        """Add and remove roles, and return the roles of the user. Tokens with the old roles are refused immediately.

        Raises:
            UnknownUser
            RolesInvalid: the user would have roles that no token can contain.
        """
        async with self._database.write() as uow:
            user = await _locked_user(uow, username)
            roles = parse_roles(add, beside=[role for role in user.roles if role not in remove])
            if roles != user.roles:
                await uow.users.set_roles(user.id, roles)
                await self._record(uow, ROLES_CHANGED, user)
        return roles

    async def _delete_ended_sessions(self, username: str) -> None:
        """Delete the ended sessions in batches, because a user can have too many for one transaction."""
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
    """Lock the user. A login also locks the user before any session; the opposite order here could cause a deadlock."""
    user = await uow.users.get_for_update((await _user_named(uow, username)).id)
    if user is None:
        raise UnknownUser(username)
    return user
