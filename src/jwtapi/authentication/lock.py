"""Locks the user of a request whose session must not have ended meanwhile."""

from datetime import datetime

from jwtapi.authentication.errors import AccessTokenInvalid, SignInTooOld
from jwtapi.principal import Principal
from jwtapi.sessions.cache import methods_of
from jwtapi.storage.sessions import Session
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


def lock_user(uow: UnitOfWork, principal: Principal, now: datetime) -> User:
    """Lock the row of the user, and return it. Call it first in a unit that changes how the user signs in.

    The owner may have shut out the sender of this request since its access token was checked, such as by a new
    password or by the first second factor. Without this check, the request would leave the sender a way in, or take the
    owner's.

    Raises:
        AccessTokenInvalid: the session has ended, or the user has been disabled or deleted.
        SignInTooOld: the user has a second factor, and the session has not shown it.
    """
    user = uow.users.get_for_update(principal.user_id)
    session = uow.sessions.get(principal.session_id) if principal.session_id is not None else None
    if user is None or not user.may_sign_in or session is None or not session.is_alive(now):
        raise AccessTokenInvalid
    if lacks_a_factor(user, session):
        raise SignInTooOld
    return user


def lacks_a_factor(user: User, session: Session) -> bool:
    """Return whether the user has a second factor that the session has not shown.

    It may be from before the first factor, or from a remembered device, which shows it at a login only.
    """
    return user.second_factor_since is not None and "mfa" not in methods_of(session)
