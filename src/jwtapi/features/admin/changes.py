"""Changes users on behalf of administrators. What gives somebody a way in, or power, needs a recent sign-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from jwtapi import audit
from jwtapi.administration.administrator import Administrator
from jwtapi.administration.lock import LockedAdministrator, lock_with_user
from jwtapi.api_keys.service import ApiKeyService, CreatedKey, WantedKey
from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.features.admin.errors import NoServiceAccount, RolesRefused, UserDisabled
from jwtapi.features.admin.events import RESET_LINK_PRINTED, RESET_LINK_SENT
from jwtapi.mail.links import Links
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.administrators import ADMIN, keep_an_administrator
from jwtapi.users.deletion import delete_user
from jwtapi.users.errors import IsServiceAccount
from jwtapi.users.events import PASSWORD_REMOVED, ROLES_CHANGED, USER_DISABLED, USER_ENABLED
from jwtapi.users.mails import PASSWORD_RESET
from jwtapi.users.metadata import change_metadata, parse_metadata
from jwtapi.users.reset_links import reset_link
from jwtapi.users.roles import RolesInvalid, parse_roles


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be true of a user. None: as it is."""

    roles: Sequence[str] | None = None
    disabled: bool | None = None
    metadata: dict[str, Any] | None = None


class UserChanges:
    """Every method locks the administrator and the user, and raises what `lock_with_user` raises."""

    def __init__(  # noqa: PLR0913, PLR0917  changes need all of them
        self,
        database: Database,
        sessions: SessionService,
        factor_changes: FactorChanges,
        links: Links,
        link_tokens: LinkTokens,
        notices: Notices,
        outbox: Outbox,
        keys: ApiKeyService,
        clock: Clock,
        *,
        token_claims: Sequence[str],
    ) -> None:
        """`token_claims`: the members of metadata that access tokens contain."""
        self._database = database
        self._sessions = sessions
        self._factor_changes = factor_changes
        self._links = links
        self._link_tokens = link_tokens
        self._notices = notices
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._token_claims = token_claims

    async def change(self, administrator: Administrator, user_id: UUID, wanted: Wanted) -> User:
        """Change roles, state and metadata in one transaction, and return the user. Tokens of before are refused.

        To add a role, to enable, and to change metadata need a recent sign-in. To remove a role and to disable do not.

        Raises:
            RolesRefused: the user would have roles that no token can contain.
            MetadataInvalid
            LastAdministrator: there would be no administrator any more.
            SessionRequired, SignInTooOld: as `LockedAdministrator.require_recent_sign_in`.
        """
        metadata = parse_metadata(wanted.metadata, self._token_claims) if wanted.metadata is not None else None

        def change(uow: UnitOfWork) -> User:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            if wanted.roles is not None:
                self._change_roles(uow, actor, user, wanted.roles)
            if wanted.disabled is True:
                self._disable(uow, actor, user)
            elif wanted.disabled is False and user.disabled_at is not None:
                actor.require_recent_sign_in()
                uow.users.set_disabled(user.id, None)
                self._record(uow, actor, USER_ENABLED, user)
            if metadata is not None and change_metadata(uow, user, metadata, actor.now, administrator.caller):
                actor.require_recent_sign_in()  # otherwise the transaction is rolled back
            return uow.users.get(user.id) or user

        return await self._database.write(change)

    def _change_roles(self, uow: UnitOfWork, actor: LockedAdministrator, user: User, wanted: Sequence[str]) -> None:
        kept = [role for role in user.roles if role in wanted]
        try:
            roles = parse_roles(wanted, beside=kept)
        except RolesInvalid:
            raise RolesRefused from None
        added, removed = roles[len(kept) :], [role for role in user.roles if role not in kept]
        if added:
            actor.require_recent_sign_in()
        if ADMIN in removed:
            keep_an_administrator(uow, user)
        if added or removed:
            uow.users.set_roles(user.id, roles)
            self._record(uow, actor, ROLES_CHANGED, user, added=added, removed=removed)

    def _disable(self, uow: UnitOfWork, actor: LockedAdministrator, user: User) -> None:
        if user.disabled_at is None:
            keep_an_administrator(uow, user)
            uow.users.set_disabled(user.id, actor.now)
            self._record(uow, actor, USER_DISABLED, user)
        self._sessions.end_all(uow, user.id, actor.administrator.caller)

    async def delete(self, administrator: Administrator, user_id: UUID) -> None:
        """Delete the user with settings, sessions and API keys. The name is free immediately.

        Raises:
            LastAdministrator: there would be no administrator any more.
        """

        def delete(uow: UnitOfWork) -> None:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            self._notices.account_deleted(uow, user, administrator.caller)
            delete_user(uow, user, actor.now, administrator.caller)

        await self._database.write(delete)
        self._outbox.wake()

    async def force_password_reset(self, administrator: Administrator, user_id: UUID) -> None:
        """Remove the password, end every session, and send a link for a new one to the verified address.

        Raises:
            IsServiceAccount: it has no password.
            LastAdministrator: nobody could administer any more, because no link can be sent to this one.
        """

        def force(uow: UnitOfWork) -> None:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            actor.require_recent_sign_in()
            _refuse_service_account(user)
            gets_link = self._outbox.is_on and user.email is not None and user.may_sign_in
            if not gets_link:
                keep_an_administrator(uow, user)
            if user.password_hash is not None:
                uow.users.change_password(user.id, None)
                self._record(uow, actor, PASSWORD_REMOVED, user)
                self._notices.password_removed(uow, user, administrator.caller)
            self._sessions.end_all(uow, user.id, administrator.caller)
            if gets_link:
                self._outbox.add(
                    uow, PASSWORD_RESET, at=actor.now, language=administrator.caller.language, user_id=user.id
                )
                self._record(uow, actor, RESET_LINK_SENT, user)

        await self._database.write(force)
        self._outbox.wake()

    async def reset_link(self, administrator: Administrator, user_id: UUID) -> str:
        """Return a link by which the user can set a password. It is void after any change of the user.

        Raises:
            UserDisabled, IsServiceAccount: no link works.
            NoPages, NoPublicUrl: nobody could open the link.
        """
        self._links.require()

        def record(uow: UnitOfWork) -> User:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            actor.require_recent_sign_in()
            _refuse_service_account(user)
            if user.disabled_at is not None:
                raise UserDisabled
            self._record(uow, actor, RESET_LINK_PRINTED, user)
            return user

        user = await self._database.write(record)
        return reset_link(user, self._links, self._link_tokens, self._clock())

    async def reset_mfa(self, administrator: Administrator, user_id: UUID) -> None:
        """Remove all second factors of somebody who has lost them, and end every session.

        Passkeys stay if they are the only way in.
        """

        def reset(uow: UnitOfWork) -> None:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            actor.require_recent_sign_in()
            self._factor_changes.reset(uow, user, administrator.caller)

        await self._database.write(reset)
        self._factor_changes.wake()

    async def end_sessions(self, administrator: Administrator, user_id: UUID) -> None:
        """End every session of the user."""
        await self._database.write(partial(self._end_sessions, administrator=administrator, user_id=user_id))

    def _end_sessions(self, uow: UnitOfWork, *, administrator: Administrator, user_id: UUID) -> None:
        _, user = lock_with_user(uow, administrator, user_id, self._clock())
        self._sessions.end_all(uow, user.id, administrator.caller)

    async def end_session(self, administrator: Administrator, user_id: UUID, session_id: UUID) -> None:
        """End a session of the user.

        Raises:
            NotFound: there is no such session, it has ended, or it belongs to another user.
        """

        def end(uow: UnitOfWork) -> None:
            _, user = lock_with_user(uow, administrator, user_id, self._clock())
            if not self._sessions.end(uow, session_id, user.id, administrator.caller):
                raise NotFound

        await self._database.write(end)

    async def create_key(self, administrator: Administrator, user_id: UUID, wanted: WantedKey) -> CreatedKey:
        """Make an API key of a service account.

        Raises:
            NoServiceAccount
            also as `ApiKeyService.create`.
        """
        self._keys.check(wanted)

        def create(uow: UnitOfWork) -> CreatedKey:
            actor, user = lock_with_user(uow, administrator, user_id, self._clock())
            actor.require_recent_sign_in()
            if not user.is_service_account:
                raise NoServiceAccount
            return self._keys.add(uow, user, wanted, administrator.caller)

        return await self._database.write(create)

    async def revoke_key(self, administrator: Administrator, user_id: UUID, key_id: UUID) -> None:
        """Delete an API key of the user. Every process refuses it within 100 ms.

        Raises:
            NotFound: there is no such key, or it is another user's.
        """

        def revoke(uow: UnitOfWork) -> None:
            _, user = lock_with_user(uow, administrator, user_id, self._clock())
            self._keys.remove(uow, key_id, user.id, administrator.caller)

        await self._database.write(revoke)

    def _record(
        self, uow: UnitOfWork, actor: LockedAdministrator, type_: EventType, user: User, **details: Any
    ) -> None:
        caller = actor.administrator.caller
        uow.events.add(audit.event(type_, at=actor.now, caller=caller, user_id=user.id, details=details or None))


def _refuse_service_account(user: User) -> None:
    if user.is_service_account:
        raise IsServiceAccount
