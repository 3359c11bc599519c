"""What the OpenAPI document says of the sign-in endpoints: their answers, their cookies, and who may ask."""

from typing import Any

from fastapi import Response

from jwtapi.auth.cookies import AuthCookies
from jwtapi.auth.errors import (
    CredentialsRequired,
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
    UsernameTaken,
)
from jwtapi.auth.schemas import EXAMPLE_DEVICE_TOKEN, EXAMPLE_PASSWORD, EXAMPLE_REFRESH_TOKEN, OAuthProblem
from jwtapi.errors import Overloaded, TooManyLogins, TooManyRegistrations, TooManyRequests
from jwtapi.security.password_policy import PasswordTooCommon, PasswordTooLong, PasswordTooShort
from jwtapi.security.usernames import UsernameInvalid, UsernameReserved
from jwtapi.sessions.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    AccessTokenRequired,
    RefreshTokenInvalid,
    RefreshTokenRequired,
)
from jwtapi.settings import Settings
from jwtapi.web.documentation import BODY, RATE_LIMIT, json_body, problems, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.problems import refusal
from jwtapi.web.schemas import EXAMPLE_ID, FieldProblem

ACCESS_TOKEN_ERRORS = (AccessTokenRequired(), AccessTokenExpired(), AccessTokenInvalid())

BY_COOKIE: dict[str, Any] = {"security": [{"RefreshCookie": []}]}
BY_EITHER_OR_NONE: dict[str, Any] = {"security": [{"Password": []}, {"AccessToken": []}, {"RefreshCookie": []}, {}]}

_RETRY_AFTER = 840  # seconds, in examples
_NO_STRING = FieldProblem(field="username", message="Input should be a valid string")

REGISTER = problems(
    CredentialsRequired(["password"]),
    UsernameInvalid(),
    UsernameReserved(),
    PasswordTooShort(8),
    PasswordTooLong(),
    PasswordTooCommon(),
    CrossOriginRefused(),
    UsernameTaken(),
    TooManyRegistrations(_RETRY_AFTER),
    Overloaded(),
    *json_body(_NO_STRING),
) | {
    201: success(
        "The account exists now. Nobody is signed in by it.",
        example={"message": "User registered successfully", "id": EXAMPLE_ID},
        with_headers=RATE_LIMIT,
    )
}
LOGIN = problems(
    CredentialsRequired(["password"]),
    InvalidCredentials(),
    CrossOriginRefused(),
    TooManyLogins(_RETRY_AFTER),
    Overloaded(),
    *json_body(_NO_STRING),
) | {200: success("Signed in.", with_headers=RATE_LIMIT)}
REFRESH = problems(
    RefreshTokenRequired(), RefreshTokenInvalid(), CrossOriginRefused(), TooManyRequests(_RETRY_AFTER)
) | {200: success("Still signed in.", with_headers=RATE_LIMIT)}
LOGOUT = problems(AccessTokenInvalid(), CrossOriginRefused()) | {
    200: success("Signed out, or was not signed in.", example={"message": "Logged out"})
}
VERIFY = problems(*ACCESS_TOKEN_ERRORS) | {
    204: {
        "description": "The token is good; whose it is, is in the headers.",
        "headers": {
            name: {"schema": {"type": "string"}, "description": description, "example": example}
            for name, (description, example) in {
                "X-Auth-User": ("User name, in percent-encoded UTF-8.", "Z%C3%ABbra"),
                "X-Auth-User-Id": ("UUID of the user, which stays the same.", EXAMPLE_ID),
                "X-Auth-Roles": ("Roles, each in percent-encoded UTF-8, commas between.", "admin,staff"),
                "X-Auth-Session": ("UUID of the session.", "0199e5f2-7b44-7c19-a3d5-1e60f8b2c947"),
            }.items()
        },
    }
}
TOKEN = problems(
    InvalidRequest("username is missing"),
    InvalidGrant("Invalid credentials"),
    UnsupportedGrantType(),
    InvalidScope(),
    CrossOriginRefused(),
    TooManyLogins(_RETRY_AFTER),
    Overloaded(),
    *BODY,
) | {200: success("Signed in, or still signed in.", with_headers=RATE_LIMIT)}
TOKEN[400]["model"] = OAuthProblem


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what the settings decide: paths, what the cookies look like, and how long a password must be."""
    cookie = {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.cookie_name,
        "description": "Set by `/login` and `/refresh`. A browser keeps it from scripts and sends it by itself.",
    }
    # The first of them, for Swagger UI puts the cursor into the last.
    schemes = {"RefreshCookie": cookie, **document["components"]["securitySchemes"]}
    document["components"]["securitySchemes"] = schemes
    if settings.root_path is not None:
        # Relative to the server's URL, as it is without, it would replace the last part of the path.
        endpoint = f"{settings.root_path}/token"
        schemes["Password"]["flows"]["password"] |= {"tokenUrl": endpoint, "refreshUrl": endpoint}
    _show_cookies(document, settings)
    _show_password_length(document, settings.password_min_length)


def _show_cookies(document: dict[str, Any], settings: Settings) -> None:
    cookies = AuthCookies(settings)
    lines = Response()
    cookies.set_refresh_token(lines, EXAMPLE_REFRESH_TOKEN, max_age=settings.refresh_token_ttl)
    cookies.set_device_token(lines, EXAMPLE_DEVICE_TOKEN)
    cookies.clear_refresh_token(lines)
    refresh_token, device_token, nothing = lines.headers.getlist("set-cookie")
    for path, description, examples in (
        (
            "/login",
            "The refresh token, and the mark of a browser that has signed in: a header each.",
            {"refresh token": refresh_token, "mark": device_token},
        ),
        ("/refresh", "The next refresh token.", {"refresh token": refresh_token}),
        ("/logout", "Removes the refresh token.", {"no token": nothing}),
    ):
        document["paths"][path]["post"]["responses"]["200"]["headers"]["Set-Cookie"] = {
            "description": description,
            "schema": {"type": "string"},
            "examples": {name: {"value": line} for name, line in examples.items()},
        }


def _show_password_length(document: dict[str, Any], minimum: int) -> None:
    schemas, paths = document["components"]["schemas"], document["paths"]
    schemas["RegisterRequest"]["properties"]["password"] |= {
        "description": f"At least {minimum} characters, of any kind.",
        "minLength": minimum,
    }
    password = EXAMPLE_PASSWORD.ljust(minimum, "!")  # one that is taken, and that signs in what was registered with it
    for name in ("RegisterRequest", "LoginRequest"):
        schemas[name]["properties"]["password"]["examples"] = [password]
    form = paths["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    form["examples"]["password"]["value"]["password"] = password
    refused = paths["/register"]["post"]["responses"]["400"]["content"]["application/json"]["examples"]
    refused["password_too_short"]["value"] = refusal(PasswordTooShort(minimum)).content
