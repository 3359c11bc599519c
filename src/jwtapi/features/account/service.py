"""Changes, exports and deletes the account of the signed-in user."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from jwtapi import audit
from jwtapi.authentication.errors import AccessTokenInvalid
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.features.account.errors import SettingsTooLarge
from jwtapi.features.account.limits import EXPORT, RENAME
from jwtapi.features.account.merge_patch import merge_patch
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.usernames import Username, UsernamePolicy, parse_username
from jwtapi.sign_in.errors import WrongPassword
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import DuplicateUsername, User
from jwtapi.users.deletion import delete_user
from jwtapi.users.errors import UsernameTaken
from jwtapi.users.events import USER_RENAMED
from jwtapi.users.export import AccountExport
from jwtapi.users.held_names import HeldNames

MAX_SETTINGS_BYTES = 16 * 1024


class AccountService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        usernames: UsernamePolicy,
        held_names: HeldNames,
        passwords: PasswordProver,
        account_export: AccountExport,
        outbox: Outbox,
        notices: Notices,
        limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self._database = database
        self._usernames = usernames
        self._held_names = held_names
        self._passwords = passwords
        self._export = account_export
        self._outbox = outbox
        self._notices = notices
        self._limiter = limiter
        self._clock = clock

    async def change_settings(self, user_id: UUID, patch: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch. Patches that arrive at the same time are all applied.

        Raises:
            SettingsTooLarge: the result would exceed 16 KiB. Nothing was changed.
            AccessTokenInvalid: the user has just been deleted.
        """
        return await self._database.write(partial(_change_settings, user_id=user_id, patch=patch))

    async def rename(self, principal: Principal, user: User, username: str, caller: Caller) -> User:
        """Give the user another name, or the same name in another spelling. Access tokens with the old one are refused.

        Raises:
            UsernameInvalid, UsernameReserved, UsernameTaken: the name cannot be used.
            TooManyRequests: the user has asked for other names or spellings too often.
            AccessTokenInvalid: as `lock_user`.
        """
        name = parse_username(username)
        if name.display == user.username:
            return user
        if name.canonical != user.canonical_username:
            self._usernames.check(name, may_be_reserved=False)
        await self._limiter.spend(RENAME, str(user.id))  # another spelling too, because each change adds an event
        try:
            return await self._database.write(partial(self._rename, principal=principal, name=name, caller=caller))
        except DuplicateUsername:
            raise UsernameTaken from None

    def _rename(self, uow: UnitOfWork, *, principal: Principal, name: Username, caller: Caller) -> User:
        user = lock_user(uow, principal, self._clock())
        is_other = name.canonical != user.canonical_username
        if is_other and not self._held_names.is_free(uow, name.canonical):
            raise UsernameTaken
        uow.users.rename(user.id, username=name.display, canonical_username=name.canonical)
        # The owner of the name may have deleted the account while this unit waited for the unique constraint.
        if is_other and self._held_names.is_held(uow, name.canonical):
            raise UsernameTaken
        details = {"from": user.username, "to": name.display}
        uow.events.add(audit.event(USER_RENAMED, at=self._clock(), caller=caller, user_id=user.id, details=details))
        return replace(user, username=name.display, canonical_username=name.canonical)

    async def export(self, user: User) -> AsyncIterator[bytes]:
        """Return the pieces of the export.

        Raises:
            TooManyRequests: the user has asked for it too often.
            StorageUnavailable: also in the middle, as `AccountExport.write`.
        """
        await self._limiter.spend(EXPORT, str(user.id))
        return self._export.write(user)

    async def delete(self, principal: Principal, password: str | None, caller: Caller) -> None:
        """Delete the account, and hold its name back. `password` is None if the user has none.

        Raises:
            WrongPassword, TooManyRequests, Overloaded: as `PasswordProver.confirm`.
            LastAdministrator: nobody else could administer users.
            AccessTokenInvalid: as `lock_user`.
        """
        confirmed = await self._passwords.confirm(principal.user_id, password, caller)

        def delete(uow: UnitOfWork) -> None:
            user = lock_user(uow, principal, self._clock())
            if user.password_hash != confirmed.password_hash:
                raise WrongPassword
            delete_user(uow, user, self._clock(), caller)
            self._held_names.hold(uow, user.canonical_username)
            self._notices.account_deleted(uow, user, caller)

        await self._database.write(delete)
        self._outbox.wake()


def _change_settings(uow: UnitOfWork, *, user_id: UUID, patch: dict[str, Any]) -> dict[str, Any]:
    user = uow.users.get_for_update(user_id)
    if user is None:
        raise AccessTokenInvalid
    settings: dict[str, Any] = merge_patch(user.settings, patch)
    if len(json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_SETTINGS_BYTES:
        raise SettingsTooLarge
    uow.users.set_settings(user_id, settings)
    return settings
