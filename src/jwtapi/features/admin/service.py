"""Administers users and sessions. When sessions end here, their tokens are refused from the next request on."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from jwtapi import audit
from jwtapi.caller import COMMAND_LINE
from jwtapi.clock import Clock
from jwtapi.features.admin.errors import UnknownUser, UserDisabled
from jwtapi.features.admin.events import RESET_LINK_PRINTED
from jwtapi.mail.links import Links
from jwtapi.mail.notices import Notices
from jwtapi.second_factors.changes import FactorChanges, Reset
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.security.usernames import parse_username
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.administrators import ADMIN, keep_an_administrator
from jwtapi.users.deletion import delete_user
from jwtapi.users.errors import IsServiceAccount
from jwtapi.users.events import (
    PASSWORD_CHANGED,
    ROLES_CHANGED,
    USER_DISABLED,
    USER_ENABLED,
)
from jwtapi.users.metadata import change_metadata, parse_metadata
from jwtapi.users.reset_links import reset_link
from jwtapi.users.roles import parse_roles
from jwtapi.users.service import NewPasswords


class AdminService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        sessions: SessionService,
        passwords: NewPasswords,
        links: Links,
        link_tokens: LinkTokens,
        notices: Notices,
        factor_changes: FactorChanges,
        clock: Clock,
        *,
        token_claims: Collection[str] = (),
    ) -> None:
        """`token_claims` are the names of the members of metadata that access tokens contain."""
        self._token_claims = token_claims
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._links = links
        self._link_tokens = link_tokens
        self._notices = notices
        self._factor_changes = factor_changes
        self._clock = clock

    async def disable(self, username: str) -> None:
        """Refuse further logins of the user, and end every session.

        Raises:
            UnknownUser, LastAdministrator
        """

        def disable(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            if user.disabled_at is None:
                keep_an_administrator(uow, user)
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
            UnknownUser, IsServiceAccount
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
        """
        named = await self._database.read(partial(_user_named, username=username))
        if named.is_service_account:
            raise IsServiceAccount
        password_hash = await self._passwords.hash(password, username=named.username)

        def set_password(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            uow.users.change_password(user.id, password_hash)
            self._record(uow, PASSWORD_CHANGED, user)
            self._sessions.end_all(uow, user.id, COMMAND_LINE)
            self._notices.password_changed(uow, user, COMMAND_LINE)

        await self._database.write(set_password)

    async def reset_link(self, username: str) -> str:
        """Return a link by which the user can set a password. It is void after any change of the user.

        Raises:
            UnknownUser, UserDisabled, IsServiceAccount
            NoPages, NoPublicUrl: nobody could open the link.
        """
        self._links.require()

        def record(uow: UnitOfWork) -> User:
            user = _locked_user(uow, username)
            if user.may_sign_in:
                self._record(uow, RESET_LINK_PRINTED, user)
            return user

        user = await self._database.write(record)
        if user.is_service_account:
            raise IsServiceAccount
        if user.disabled_at is not None:
            raise UserDisabled
        return reset_link(user, self._links, self._link_tokens, self._clock())

    async def reset_mfa(self, username: str) -> Reset:
        """Remove all second factors of somebody who has lost them, and end every session.

        Passkeys stay if they are the only way in.

        Raises:
            UnknownUser
        """

        def reset(uow: UnitOfWork) -> Reset:
            return self._factor_changes.reset(uow, _locked_user(uow, username), COMMAND_LINE)

        return await self._database.write(reset)

    async def delete(self, username: str) -> None:
        """Delete the user with settings and sessions. The name is free immediately.

        Raises:
            UnknownUser, LastAdministrator
        """

        def delete(uow: UnitOfWork) -> None:
            user = _locked_user(uow, username)
            self._notices.account_deleted(uow, user, COMMAND_LINE)
            delete_user(uow, user, self._clock(), COMMAND_LINE)

        await self._database.write(delete)

    async def change_roles(self, username: str, *, add: Collection[str], remove: Collection[str]) -> list[str]:
        """Add and remove roles, and return the roles of the user. Tokens with the old roles are refused immediately.

        Raises:
            UnknownUser, LastAdministrator
            RolesInvalid: the user would have roles that no token can contain.
        """

        def change(uow: UnitOfWork) -> list[str]:
            user = _locked_user(uow, username)
            roles = parse_roles(add, beside=[role for role in user.roles if role not in remove])
            if ADMIN not in roles:
                keep_an_administrator(uow, user)
            if add or remove:
                # Also if they stay the same: after a change by SQL, the rows that repeat them are right again.
                uow.users.set_roles(user.id, roles)
            if roles != user.roles:
                self._record(uow, ROLES_CHANGED, user)
            return roles

        return await self._database.write(change)

    async def metadata(self, username: str) -> Mapping[str, Any]:
        """Raises: UnknownUser."""
        return (await self._database.read(partial(_user_named, username=username))).metadata

    async def set_metadata(self, username: str, metadata: object) -> Mapping[str, Any]:
        """Replace the metadata of a user, and return them. Tokens with other claims are refused immediately.

        Raises:
            UnknownUser
            MetadataInvalid: as `parse_metadata`.
        """
        parsed = parse_metadata(metadata, self._token_claims)
        await self._database.write(
            lambda uow: change_metadata(uow, _locked_user(uow, username), parsed, self._clock(), COMMAND_LINE)
        )
        return parsed

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
