"""POST /register, /login, /refresh, /logout, /token; GET /auth/verify."""

from functools import partial
from typing import TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from jwtapi.auth import documentation
from jwtapi.auth.dependencies import (
    AccessClaimsDep,
    AuthServiceDep,
    BearerTokenDep,
    CookiesDep,
    SessionServiceDep,
    look_for_lost_cookies,
)
from jwtapi.auth.errors import InvalidCredentials, InvalidGrant
from jwtapi.auth.oauth import FORM_DOCUMENTATION, GrantDep, PasswordGrant
from jwtapi.auth.schemas import AccessToken, LoginAnswer, LoginRequest, OAuthTokens, Registered, RegisterRequest
from jwtapi.sessions.errors import RefreshTokenInvalid, RefreshTokenRequired
from jwtapi.sessions.service import IssuedTokens
from jwtapi.web.dependencies import ClientDep, RateLimitsDep
from jwtapi.web.rate_limits import Scope
from jwtapi.web.routes import StrictRoute, limited_as
from jwtapi.web.schemas import Message

router = APIRouter(route_class=StrictRoute, tags=["auth"])

Answer = TypeVar("Answer", bound=AccessToken)

_SAFE_IN_HEADERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "%,")


@router.post("/register", status_code=201, summary="Register", responses=documentation.REGISTER)
async def register(
    body: RegisterRequest, request: Request, auth: AuthServiceDep, limits: RateLimitsDep, client: ClientDep
) -> Registered:
    """Create an account. It signs nobody in: log in next."""
    admit = partial(limits.admit, Scope.REGISTER, request)  # what is malformed is no registration
    user = await auth.register(body.username, body.password.get_secret_value(), client, admit=admit)
    return Registered(message="User registered successfully", id=user.id)


@router.post(
    "/login",
    summary="Log in",
    responses=documentation.LOGIN,
    dependencies=[Depends(look_for_lost_cookies)],
)
@limited_as(Scope.LOGIN)
async def login(  # noqa: PLR0913, PLR0917  each is a dependency
    body: LoginRequest,
    request: Request,
    response: Response,
    auth: AuthServiceDep,
    cookies: CookiesDep,
    client: ClientDep,
) -> LoginAnswer:
    """Sign in by user name and password: an access token in the answer, a refresh token in an httpOnly cookie."""
    signed_in = await auth.login(
        body.username, body.password.get_secret_value(), client, cookies.device_tokens(request)
    )
    cookies.set_device_token(response, signed_in.device_token)
    return _hand_over(LoginAnswer, signed_in.tokens, response, cookies)


@router.post(
    "/refresh",
    summary="Stay signed in",
    responses=documentation.REFRESH,
    openapi_extra=documentation.BY_COOKIE,
    dependencies=[Depends(look_for_lost_cookies)],
)
@limited_as(Scope.REFRESH)
async def refresh(
    request: Request, response: Response, sessions: SessionServiceDep, cookies: CookiesDep, client: ClientDep
) -> AccessToken:
    """Exchange the refresh cookie for a new access token and the next refresh cookie.

    Ask again if the answer was lost: it gives the same cookie. After 401 and 403 nobody is signed in any more.
    """
    tokens = cookies.refresh_tokens(request)
    if not tokens:
        raise RefreshTokenRequired
    return _hand_over(AccessToken, await sessions.refresh(tokens, client), response, cookies)


@router.post(
    "/logout", summary="Log out", responses=documentation.LOGOUT, openapi_extra=documentation.BY_EITHER_OR_NONE
)
async def logout(  # noqa: PLR0913, PLR0917  each is a dependency
    request: Request,
    response: Response,
    access_token: BearerTokenDep,
    sessions: SessionServiceDep,
    cookies: CookiesDep,
    client: ClientDep,
) -> Message:
    """End the session of the refresh cookie, and that of the access token if one is sent, at once.

    Either is enough. With neither, or with one that is no longer good, there is nothing to end, which is no error.
    """
    await sessions.close(refresh_tokens=cookies.refresh_tokens(request), access_token=access_token, client=client)
    cookies.clear_refresh_token(response)
    return Message(message="Logged out")


@router.post(
    "/token", summary="Get tokens as an OAuth2 client", responses=documentation.TOKEN, openapi_extra=FORM_DOCUMENTATION
)
@limited_as(Scope.REFRESH)
async def token(  # noqa: PLR0913, PLR0917  each is a dependency
    grant: GrantDep,
    request: Request,
    auth: AuthServiceDep,
    sessions: SessionServiceDep,
    limits: RateLimitsDep,
    client: ClientDep,
) -> OAuthTokens:
    """Sign in, or stay signed in, without cookies: for apps on a phone, OAuth2 libraries, curl and this page.

    It is the token endpoint of RFC 6749 for the grants `password` (§4.3) and `refresh_token` (§6). Browser apps use
    `/login` and `/refresh`, which keep the refresh token away from scripts.
    """
    try:
        if isinstance(grant, PasswordGrant):
            await limits.admit(Scope.LOGIN, request)  # only the form tells that this is one
            tokens = (await auth.login(grant.username, grant.password, client)).tokens
        else:
            tokens = await sessions.refresh([grant.refresh_token], client)
    except (InvalidCredentials, RefreshTokenInvalid) as error:
        raise InvalidGrant(error.message) from None
    return OAuthTokens(
        access_token=tokens.access_token, expires_in=tokens.expires_in, refresh_token=tokens.refresh_token
    )


@router.get(
    "/auth/verify",
    status_code=204,
    response_class=Response,
    summary="Check a request for a proxy",
    responses=documentation.VERIFY,
)
def verify(claims: AccessClaimsDep) -> Response:
    """Say whose access token it is, to a proxy in front of other services."""
    headers = {
        "X-Auth-User": quote(claims.username, _SAFE_IN_HEADERS),
        "X-Auth-User-Id": str(claims.user_id),
        "X-Auth-Roles": ",".join(quote(role, _SAFE_IN_HEADERS) for role in claims.roles),
        "X-Auth-Session": str(claims.session_id),
    }
    return Response(status_code=204, headers=headers)


def _hand_over(answer: type[Answer], tokens: IssuedTokens, response: Response, cookies: CookiesDep) -> Answer:
    """Put the refresh token where scripts cannot read it."""
    cookies.set_refresh_token(response, tokens.refresh_token, max_age=tokens.refresh_expires_in)
    return answer(access_token=tokens.access_token, expires_in=tokens.expires_in)
