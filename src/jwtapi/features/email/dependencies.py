"""Who opens a link of a mail."""

from typing import Annotated

from fastapi import Depends

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.dependencies import SessionTokenDep
from jwtapi.principal import Principal
from jwtapi.web.dependencies import provided


async def get_verifier(
    access_token: SessionTokenDep, authenticator: Annotated[Authenticator, provided(Authenticator)]
) -> Principal | None:
    """Return the signed-in user, or None without an access token.

    Raises:
        SessionRequired: an API key was sent.
        AccessTokenExpired, AccessTokenInvalid: the client must refresh the token first. If the token were ignored, the
            user would be signed out, as nobody who is not signed in keeps a session.
    """
    return await authenticator.authenticate(access_token) if access_token is not None else None


VerifierDep = Annotated[Principal | None, Depends(get_verifier)]
