"""Administers users and sessions. When sessions end here, their tokens are refused from the next request on."""

from collections.abc import Collection
from functools import partial

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
        return await self._database.read(lambda uow: uow.users.list(after=after, limit=_PAGE))

    async def disable(self, username: str) -> None:
        """Refuse further logins of the user, and end every session.

        Raises:
            UnknownUser
        """

        def disable(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            if user.disabled_at is None:
                uow.users.set_disabled(user.id, self._clock())
                self._record(uow, USER_DISABLED, user)
            self._sessions.end_all(uow, user.id, COMMAND_LINE)

        await self._database.write(disable)

    async def enable(self, username: str) -> None:
        """Let the user sign in again.

        Raises:
            UnknownUser
        """

        def enable(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            if user.disabled_at is not None:
                uow.users.set_disabled(user.id, None)
                self._record(uow, USER_ENABLED, user)

        await self._database.write(enable)

    async def set_password(self, username: str, password: str) -> None:
        """Set a new password and end every session.

        Raises:
            UnknownUser
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
        """
        named = await self._database.read(partial(_user_named, username=username))
        password_hash = await self._passwords.hash(password, username=named.username)

        def set_password(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            uow.users.set_password_hash(user.id, password_hash)
            self._record(uow, PASSWORD_CHANGED, user)
            self._sessions.end_all(uow, user.id, COMMAND_LINE)

        await self._database.write(set_password)

    async def delete(self, username: str) -> None:
        """Delete the user with settings and sessions. The events keep the id, although its user no longer exists.

        Raises:
            UnknownUser
        """

        def delete(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            self._sessions.end_all(uow, user.id, COMMAND_LINE)
            uow.users.delete(user.id)
            self._record(uow, USER_DELETED, user)

        await self._delete_ended_sessions(username)
        await self._database.write(delete)

    async def change_roles(self, username: str, *, add: Collection[str], remove: Collection[str]) -> list[str]:
        """Add and remove roles, and return the roles of the user. Tokens with the old roles are refused immediately.

        Raises:
            UnknownUser
            RolesInvalid: the user would have roles that no token can contain.
        """

        def change(uow: UnitOfWork) -> list[str]:
            user = _locked_user(uow, username)
            roles = parse_roles(add, beside=[role for role in user.roles if role not in remove])
            if roles != user.roles:
                uow.users.set_roles(user.id, roles)
                self._record(uow, ROLES_CHANGED, user)
            return roles

        return await self._database.write(change)

    async def _delete_ended_sessions(self, username: str) -> None:
        """Delete the ended sessions in batches, because a user can have too many for one transaction."""

        def delete_batch(uow: UnitOfWork) -> int:
            return uow.sessions.delete_ended(_user_named(uow, username).id, self._clock(), limit=_BATCH)

        while await self._database.write(delete_batch) == _BATCH:
            pass

    def _record(self, uow: UnitOfWork, type_: EventType, user: User) -> None:
        uow.events.add(audit.event(type_, at=self._clock(), caller=COMMAND_LINE, user_id=user.id))


def _user_named(uow: UnitOfWork, username: str) -> User:
    user = uow.users.by_name(parse_username(username).canonical)
    if user is None:
        raise UnknownUser(username)
    return user


def _locked_user(uow: UnitOfWork, username: str) -> User:
    """Lock the user. A login also locks the user before any session; the opposite order here could cause a deadlock."""
    user = uow.users.get_for_update(_user_named(uow, username).id)
    if user is None:
        raise UnknownUser(username)
    return user
