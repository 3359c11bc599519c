"""Asks for a sign-in of the last minutes, before a change that a thief of an access token must not make (RFC 9470)."""

from typing import Annotated

from fastapi import Depends

from jwtapi.authentication.dependencies import SessionPrincipalDep
from jwtapi.authentication.errors import MAX_AGE, SignInTooOld
from jwtapi.authentication.lock import lacks_a_factor
from jwtapi.principal import Principal
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.web.dependencies import ClockDep, provided


async def require_recent_sign_in(
    principal: SessionPrincipalDep, clock: ClockDep, database: Annotated[Database, provided(Database)]
) -> None:
    """Refuse the request if its user signed in longer ago than MAX_AGE, or without the second factor that the user has.

    A remembered device, or a session from before the first factor, would otherwise be enough to remove the factor.

    Raises:
        SessionRequired: an API key authenticates the request.
        SignInTooOld
    """
    if clock().timestamp() - principal.auth_time > MAX_AGE:
        raise SignInTooOld
    if not principal.has_proved_two_factors and await database.read(lambda uow: _lacks_a_factor(uow, principal)):
        raise SignInTooOld


def _lacks_a_factor(uow: UnitOfWork, principal: Principal) -> bool:
    user = uow.users.get(principal.user_id)
    if user is None or principal.session_id is None:
        return False
    # The session may have got the factor after this access token was issued.
    session = uow.sessions.get(principal.session_id)
    return session is None or lacks_a_factor(user, session)


RecentSignIn = Depends(require_recent_sign_in)
"""For `dependencies` of an endpoint."""
