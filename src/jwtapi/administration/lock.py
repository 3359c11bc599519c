"""Locks administrators and the users whom they change.

A request may have been let in before its administrator lost the role, was disabled, or signed out. So each change looks
again, in its transaction, under the lock of the row.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jwtapi.administration.administrator import Administrator
from jwtapi.authentication.errors import MAX_AGE, AccessTokenInvalid, RoleRequired, SessionRequired, SignInTooOld
from jwtapi.authentication.lock import lacks_a_factor
from jwtapi.errors import NotFound
from jwtapi.sessions.cache import methods_of
from jwtapi.storage.sessions import Session
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.administrators import ADMIN


@dataclass(frozen=True, slots=True)
class LockedAdministrator:
    """An administrator, whose row is locked, and who may administer now."""

    administrator: Administrator
    user: User
    session: Session | None
    """None: an API key acts."""
    now: datetime

    def require_recent_sign_in(self) -> None:
        """Call it before a change that gives somebody a way in, or power.

        A thief of an access token, or of an API key, could otherwise stay after both have ended.

        Raises:
            SessionRequired: an API key acts.
            SignInTooOld: the sign-in is too old, or lacks the second factor that the administrator has.
        """
        if self.session is None:
            raise SessionRequired
        age = self.now.timestamp() - self.administrator.principal.auth_time
        if age > MAX_AGE or lacks_a_factor(self.user, self.session):
            raise SignInTooOld


def lock_administrator(uow: UnitOfWork, administrator: Administrator, now: datetime) -> LockedAdministrator:
    """Lock the row of an administrator. Call it first in a unit that locks no other user.

    Raises:
        AccessTokenInvalid: the session or the API key has ended, or the administrator was disabled or deleted.
        RoleRequired: the administrator, or the API key, has lost the role.
        SignInTooOld: the session has lost the second factor that MFA_REQUIRED asks for.
    """
    return _check(uow, administrator, uow.users.get_for_update(administrator.principal.user_id), now)


def check_administrator(uow: UnitOfWork, administrator: Administrator, now: datetime) -> None:
    """As `lock_administrator`, but without a lock, for units that only read.

    Raises:
        as `lock_administrator`.
    """
    _check(uow, administrator, uow.users.get(administrator.principal.user_id), now)


def lock_with_user(
    uow: UnitOfWork, administrator: Administrator, user_id: UUID, now: datetime
) -> tuple[LockedAdministrator, User]:
    """Lock the rows of an administrator and of a user, who may be the same. Call it first in a unit.

    The rows are locked in the order of their ids, so that two administrators who act on each other do not deadlock.

    Raises:
        NotFound: there is no such user.
        AccessTokenInvalid, RoleRequired, SignInTooOld: as `lock_administrator`.
    """
    own_id = administrator.principal.user_id
    locked = {each: uow.users.get_for_update(each) for each in sorted({own_id, user_id})}
    checked = _check(uow, administrator, locked[own_id], now)
    user = locked[user_id]
    if user is None:
        raise NotFound
    return checked, user


def _check(uow: UnitOfWork, administrator: Administrator, user: User | None, now: datetime) -> LockedAdministrator:
    if user is None or user.disabled_at is not None:
        raise AccessTokenInvalid
    principal = administrator.principal
    session = None
    roles: set[str] = set(user.roles)
    if principal.session_id is not None:
        session = uow.sessions.get(principal.session_id)
        if session is None or not session.is_alive(now):
            raise AccessTokenInvalid
        if administrator.needs_mfa and "mfa" not in methods_of(session):
            raise SignInTooOld
    else:
        key = uow.api_keys.get(principal.key_id) if principal.key_id is not None else None
        if key is None or (key.expires_at is not None and key.expires_at <= now):
            raise AccessTokenInvalid
        roles = roles if key.roles is None else roles & set(key.roles)
    if ADMIN not in roles:
        raise RoleRequired(ADMIN)
    return LockedAdministrator(administrator, user, session, now)
