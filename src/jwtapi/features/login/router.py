"""POST /register, /login, /refresh and /logout."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response

from jwtapi.authentication.dependencies import SessionTokenDep
from jwtapi.authentication.errors import AccessTokenInvalid, AccessTokenRequired
from jwtapi.features.login import documentation
from jwtapi.features.login.dependencies import EverywhereDep
from jwtapi.features.login.limits import REGISTER
from jwtapi.features.login.schemas import LoginRequest, Registered, RegisterRequest
from jwtapi.features.login.service import RegistrationService
from jwtapi.second_factors.errors import SecondFactorRequired
from jwtapi.sessions.errors import RefreshTokenRequired
from jwtapi.sessions.limits import REFRESH
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.dependencies import CookiesDep, DiagnoseCookies, token_response
from jwtapi.sign_in.limits import LOGIN
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.schemas import AccessToken, LoginAnswer
from jwtapi.sign_in.service import SignIn
from jwtapi.web.dependencies import AddressLimiterDep, CallerDep, provided
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute
from jwtapi.web.schemas import Message

router = APIRouter(route_class=StrictRoute, tags=["auth"])

SessionServiceDep = Annotated[SessionService, provided(SessionService)]
RegistrationServiceDep = Annotated[RegistrationService, provided(RegistrationService)]


@router.post("/register", status_code=201, summary="Register", responses=documentation.REGISTER)
async def register(
    body: RegisterRequest,
    request: Request,
    registrations: RegistrationServiceDep,
    limiter: AddressLimiterDep,
    caller: CallerDep,
) -> Registered:
    """Create an account. The user is not signed in yet: log in next."""
    user = await registrations.register(
        body.username,
        body.password.get_secret_value(),
        caller,
        email=body.email,
        invitation=body.invitation,
        admit=partial(limiter.admit, REGISTER, request),  # malformed requests do not count as registrations
    )
    return Registered(message="User registered successfully", id=user.id)


@router.post("/login", summary="Log in", responses=documentation.LOGIN, dependencies=[DiagnoseCookies])
@rate_limited(LOGIN)
async def login(  # noqa: PLR0913, PLR0917  each is a dependency
    body: LoginRequest,
    request: Request,
    response: Response,
    passwords: Annotated[PasswordProver, provided(PasswordProver)],
    sign_in: Annotated[SignIn, provided(SignIn)],
    cookies: CookiesDep,
    limiter: AddressLimiterDep,
    caller: CallerDep,
) -> LoginAnswer:
    """Sign in with user name and password. The body has an access token, and an httpOnly cookie the refresh token.

    A user with a second factor gets 401 `mfa_required` with a ticket for `/login/mfa`.
    """
    password = body.password.get_secret_value()
    proof = await passwords.prove(
        body.username, password, caller, cookies.device_tokens(request), cookies.remembered_devices(request)
    )
    try:
        signed_in = await sign_in.proceed(proof, caller)
    except SecondFactorRequired:
        # The password was right: many people of one network must not use up its limit.
        await limiter.settle(request.scope, succeeded=True)
        raise
    cookies.set_device_token(response, signed_in.device_token)
    return token_response(LoginAnswer, signed_in.tokens, response, cookies)


@router.post(
    "/refresh",
    summary="Stay signed in",
    responses=documentation.REFRESH,
    openapi_extra=documentation.BY_COOKIE,
    dependencies=[DiagnoseCookies],
)
@rate_limited(REFRESH)
async def refresh(
    request: Request, response: Response, sessions: SessionServiceDep, cookies: CookiesDep, caller: CallerDep
) -> AccessToken:
    """Exchange the refresh cookie for a new access token and the next refresh cookie.

    If the response was lost, send the request again: the response has the same cookie. After 401 or 403 the user is no
    longer signed in.
    """
    tokens = cookies.refresh_tokens(request)
    if not tokens:
        raise RefreshTokenRequired
    return token_response(AccessToken, await sessions.refresh(tokens, caller), response, cookies)


@router.post("/logout", summary="Log out", responses=documentation.LOGOUT, openapi_extra=documentation.LOGOUT_REQUEST)
async def logout(  # noqa: PLR0913, PLR0917  each is a dependency
    request: Request,
    response: Response,
    access_token: SessionTokenDep,
    sessions: SessionServiceDep,
    cookies: CookiesDep,
    caller: CallerDep,
    everywhere: EverywhereDep,
) -> Message:
    """End the session of the refresh cookie, and the session of the access token if one is sent, immediately.

    One of them is enough. It is not an error if neither is sent, or if they are no longer valid.

    With `everywhere=true` all sessions of the user end. Then one of the tokens must be valid, and a refresh token must
    not have been used before. An API key ends nothing: it is refused.
    """
    tokens = cookies.refresh_tokens(request)
    if not everywhere:
        await sessions.log_out(refresh_tokens=tokens, access_token=access_token, caller=caller)
    elif not await sessions.log_out_everywhere(refresh_tokens=tokens, access_token=access_token, caller=caller):
        raise AccessTokenRequired if access_token is None else AccessTokenInvalid
    cookies.clear_refresh_token(response)
    return Message(message="Logged out")
