"""The documentation of signing in and out with cookies for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from jwtapi.authentication.errors import AccessTokenInvalid, AccessTokenRequired, SessionRequired
from jwtapi.errors import TooManyRequests
from jwtapi.features.login.errors import CredentialsRequired, EmailRequired, InvitationRequired, TooManyRegistrations
from jwtapi.mail.errors import MailUnavailable
from jwtapi.second_factors.documentation import SECOND_FACTOR_REQUIRED
from jwtapi.security.email_addresses import EmailInvalid
from jwtapi.security.password_policy import PasswordTooCommon, PasswordTooLong, PasswordTooShort
from jwtapi.security.passwords import Overloaded
from jwtapi.security.usernames import UsernameInvalid, UsernameReserved
from jwtapi.sessions.errors import RefreshTokenInvalid, RefreshTokenRequired
from jwtapi.settings import Registration, Settings
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import InvalidCredentials, TooManyLogins
from jwtapi.sign_in.schemas import EXAMPLE_DEVICE_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.users.errors import (
    EmailDiffers,
    EmailTaken,
    LinkExpired,
    LinkInvalid,
    RegistrationClosed,
    UsernameTaken,
)
from jwtapi.web.documentation import EXAMPLE_WAIT, RATE_LIMIT, error_responses, json_body, success
from jwtapi.web.errors import ErrorResponse, ValidationFailed
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import EXAMPLE_ID, FieldError

_NO_STRING = FieldError(field="username", message="Input should be a valid string")

REGISTER = error_responses(
    CredentialsRequired(["password"]),
    UsernameInvalid(),
    UsernameReserved(),
    PasswordTooShort(8),
    PasswordTooLong(),
    PasswordTooCommon(),
    EmailRequired(),
    EmailInvalid(),
    EmailDiffers(),
    LinkInvalid(),
    LinkExpired(),
    CrossOriginRefused(),
    RegistrationClosed(),
    InvitationRequired(),
    UsernameTaken(),
    EmailTaken(),
    TooManyRegistrations(EXAMPLE_WAIT),
    MailUnavailable(),
    Overloaded(),
    *json_body(_NO_STRING),
) | {
    201: success(
        "The account was created. The user is not signed in yet.",
        example={"message": "User registered successfully", "id": EXAMPLE_ID},
        with_headers=RATE_LIMIT,
    )
}
LOGIN = error_responses(
    CredentialsRequired(["password"]),
    InvalidCredentials(),
    *SECOND_FACTOR_REQUIRED,
    CrossOriginRefused(),
    TooManyLogins(EXAMPLE_WAIT),
    Overloaded(),
    *json_body(_NO_STRING),
) | {200: success("Signed in.", with_headers=RATE_LIMIT)}
BY_COOKIE: dict[str, Any] = {"security": [{"RefreshCookie": []}]}
LOGOUT_REQUEST: dict[str, Any] = {
    "security": [{"Password": []}, {"AccessToken": []}, {"RefreshCookie": []}, {}],
    "parameters": [
        {
            "name": "everywhere",
            "in": "query",
            "description": "End all sessions of the user.",
            "schema": {"type": "boolean", "default": False},
        }
    ],
}

REFRESH = error_responses(
    RefreshTokenRequired(), RefreshTokenInvalid(), CrossOriginRefused(), TooManyRequests(EXAMPLE_WAIT)
) | {200: success("Still signed in.", with_headers=RATE_LIMIT)}
LOGOUT = error_responses(
    ValidationFailed([{"field": "everywhere", "message": "Input should be true or false"}]),
    AccessTokenRequired(),
    AccessTokenInvalid(),
    SessionRequired(),
    CrossOriginRefused(),
) | {200: success("Signed out, or was not signed in.", example={"message": "Logged out"})}


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what depends on the settings: the cookies, the length of a password, and what a registration needs."""
    _add_cookie_scheme(document, settings.cookie_name)
    _show_cookies(document, settings)
    _show_password_length(document, settings.password_min_length)
    _show_first_what_works(document, settings)


def _add_cookie_scheme(document: dict[str, Any], cookie_name: str) -> None:
    cookie = {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie_name,
        "description": "`/login` and `/refresh` set it. A browser hides it from scripts and sends it automatically.",
    }
    # It comes first, because Swagger UI puts the cursor into the last scheme.
    components = document["components"]
    components["securitySchemes"] = {"RefreshCookie": cookie, **components["securitySchemes"]}


def _show_cookies(document: dict[str, Any], settings: Settings) -> None:
    lines = Response()
    cookies = AuthCookies(settings)
    cookies.set_refresh_token(lines, EXAMPLE_REFRESH_TOKEN, max_age=settings.refresh_token_ttl)
    cookies.set_device_token(lines, EXAMPLE_DEVICE_TOKEN)
    cookies.clear_refresh_token(lines)
    refresh_token, device_token, nothing = lines.headers.getlist("set-cookie")
    for path in ("/login", "/login/mfa", "/login/passkey"):
        _show_cookie(
            document,
            path,
            "The refresh token, the device token, which marks a browser that has signed in, and with `remember` at "
            "`/login/mfa` the remembered device: a header each.",
            {"refresh token": refresh_token, "device token": device_token},
        )
    _show_cookie(document, "/refresh", "The next refresh token.", {"refresh token": refresh_token})
    _show_cookie(document, "/logout", "Removes the refresh token.", {"no token": nothing})


def _show_cookie(document: dict[str, Any], path: str, description: str, examples: Mapping[str, str]) -> None:
    """Add the `Set-Cookie` headers of a success; `examples` has the values by name."""
    document["paths"][path]["post"]["responses"]["200"]["headers"]["Set-Cookie"] = {
        "description": description,
        "schema": {"type": "string"},
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


def _show_password_length(document: dict[str, Any], minimum: int) -> None:
    schemas = document["components"]["schemas"]
    schemas["RegisterRequest"]["properties"]["password"] |= {
        "description": f"At least {minimum} characters, of any kind.",
        "minLength": minimum,
    }
    for name in ("RegisterRequest", "LoginRequest"):
        schemas[name]["properties"]["password"]["examples"] = [example_password(minimum)]
    for example in schemas["RegisterRequest"]["examples"]:
        example["password"] = example_password(minimum)
    refused = document["paths"]["/register"]["post"]["responses"]["400"]["content"]["application/json"]["examples"]
    refused["password_too_short"]["value"] = ErrorResponse(PasswordTooShort(minimum)).content


def _show_first_what_works(document: dict[str, Any], settings: Settings) -> None:
    """Tools send the first example."""
    needed = "email" if settings.email_required else None
    if settings.registration is Registration.INVITE:
        needed = "invitation"
    examples: list[dict[str, Any]] = document["components"]["schemas"]["RegisterRequest"]["examples"]
    examples.sort(key=lambda example: needed is not None and needed not in example)
