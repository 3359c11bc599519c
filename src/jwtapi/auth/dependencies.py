"""Who is asking: the bearer token, what it says, and the services of this feature."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security import HTTPBearer, OAuth2
from starlette.requests import HTTPConnection

from jwtapi.access_claims import AccessClaims
from jwtapi.auth.cookies import AuthCookies
from jwtapi.auth.lost_cookies import LostCookies
from jwtapi.auth.service import AuthService
from jwtapi.sessions.errors import AccessTokenInvalid
from jwtapi.sessions.service import SessionService
from jwtapi.storage.records import User
from jwtapi.web.dependencies import RateLimitsDep, ResourcesDep


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token of the one Authorization header (RFC 6750 §2.1); None without it or with another scheme.

    Raises:
        AccessTokenInvalid: there are two such headers, and who reads which one is anybody's guess.
    """
    authorization = None
    for name, value in headers:
        if name == b"authorization":
            if authorization is not None:
                raise AccessTokenInvalid
            authorization = value
    if authorization is None:
        return None
    return authorization[7:].decode("latin-1") or None if authorization[:7].lower() == b"bearer " else None


async def get_bearer_token(request: Request) -> str | None:
    return bearer_token(request.scope["headers"])


class _PasswordFlow(OAuth2):
    """For the OpenAPI document, so that Swagger UI can ask for user name and password."""

    def __init__(self) -> None:
        flow = OAuthFlowPassword(tokenUrl="token", refreshUrl="token", scopes={})
        super().__init__(flows=OAuthFlows(password=flow), scheme_name="Password", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


class _BearerToken(HTTPBearer):
    """For the OpenAPI document: paste a token."""

    def __init__(self) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="AccessToken", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


async def get_session_service(request: Request) -> SessionService:
    sessions: SessionService = request.app.state.sessions
    return sessions


SessionServiceDep = Annotated[SessionService, Depends(get_session_service)]


async def get_auth_service(
    resources: ResourcesDep, sessions: SessionServiceDep, rate_limits: RateLimitsDep
) -> AuthService:
    return AuthService(resources, sessions, rate_limits)


async def get_cookies(request: Request) -> AuthCookies:
    cookies: AuthCookies = request.app.state.cookies
    return cookies


async def look_for_lost_cookies(request: Request) -> None:
    lost_cookies: LostCookies = request.app.state.lost_cookies
    lost_cookies.look_at(request)


BearerTokenDep = Annotated[str | None, Depends(get_bearer_token)]
AuthServiceDep = Annotated[AuthService, Depends(get_auth_service)]
CookiesDep = Annotated[AuthCookies, Depends(get_cookies)]


async def get_access_claims(
    request: Request,
    sessions: SessionServiceDep,
    _bearer_token: Annotated[None, Depends(_BearerToken())],
    _password_flow: Annotated[None, Depends(_PasswordFlow())],  # the last: there Swagger UI puts the cursor
) -> AccessClaims:
    """As `SessionService.authenticate`; the rest is for the OpenAPI document."""
    return await sessions.authenticate(bearer_token(request.scope["headers"]))


AccessClaimsDep = Annotated[AccessClaims, Depends(get_access_claims)]


async def get_current_user(claims: AccessClaimsDep, resources: ResourcesDep) -> User:
    """The signed-in user's row, for whoever needs more than the token says."""
    async with resources.database.read() as uow:
        user = await uow.users.get(claims.user_id)
    if user is None:
        raise AccessTokenInvalid
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]
