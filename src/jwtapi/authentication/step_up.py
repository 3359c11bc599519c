"""Asks for a sign-in of the last minutes, before a change that a thief of an access token must not make (RFC 9470)."""

from fastapi import Depends

from jwtapi.authentication.dependencies import PrincipalDep
from jwtapi.authentication.errors import MAX_AGE, SignInTooOld
from jwtapi.web.dependencies import ClockDep


async def require_recent_sign_in(principal: PrincipalDep, clock: ClockDep) -> None:
    """Refuse the request if its user signed in longer ago than MAX_AGE.

    Raises:
        SignInTooOld
    """
    if clock().timestamp() - principal.auth_time > MAX_AGE:
        raise SignInTooOld


RecentSignIn = Depends(require_recent_sign_in)
"""For `dependencies` of an endpoint."""
