"""POST /token."""

from typing import Annotated

from fastapi import APIRouter, Request

from jwtapi.features.oauth import documentation
from jwtapi.features.oauth.errors import InvalidGrant
from jwtapi.features.oauth.form import FORM_DOCUMENTATION, GrantDep, PasswordGrant
from jwtapi.features.oauth.schemas import OAuthTokens
from jwtapi.sessions.errors import RefreshTokenInvalid
from jwtapi.sessions.limits import REFRESH
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.sign_in.limits import LOGIN
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.service import SignIn
from jwtapi.web.dependencies import AddressLimiterDep, CallerDep, provided
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["auth"])


@router.post(
    "/token", summary="Get tokens as an OAuth2 client", responses=documentation.TOKEN, openapi_extra=FORM_DOCUMENTATION
)
@rate_limited(REFRESH)
async def token(  # noqa: PLR0913, PLR0917  each is a dependency
    grant: GrantDep,
    request: Request,
    passwords: Annotated[PasswordProver, provided(PasswordProver)],
    sign_in: Annotated[SignIn, provided(SignIn)],
    sessions: Annotated[SessionService, provided(SessionService)],
    limiter: AddressLimiterDep,
    caller: CallerDep,
) -> OAuthTokens:
    """Sign in, or stay signed in, without cookies. This is for phone apps, OAuth2 libraries, curl and the page `/docs`.

    It is the token endpoint of RFC 6749 for the grants `password` (§4.3) and `refresh_token` (§6). Browser apps use
    `/login` and `/refresh`, which keep the refresh token away from scripts.
    """
    try:
        if isinstance(grant, PasswordGrant):
            # The form names the grant, so this limit can only count after the form was read.
            await limiter.admit(LOGIN, request)
            proof = await passwords.prove(grant.username, grant.password, caller)
            tokens = (await sign_in.proceed(proof, caller)).tokens
        else:
            tokens = await sessions.refresh([grant.refresh_token], caller)
    except (InvalidCredentials, RefreshTokenInvalid) as error:
        raise InvalidGrant(error.message) from None
    return OAuthTokens(
        access_token=tokens.access_token, expires_in=tokens.expires_in, refresh_token=tokens.refresh_token
    )
