"""What the OpenAPI document says of the sign-in endpoints' other answers."""

from typing import Any

from jwtapi.auth.errors import (
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
    UsernameTaken,
)
from jwtapi.auth.schemas import OAuthProblem
from jwtapi.errors import Overloaded, TooManyLogins, TooManyRegistrations, TooManyRequests
from jwtapi.security.password_policy import PasswordTooCommon, PasswordTooLong
from jwtapi.security.usernames import UsernameInvalid, UsernameReserved
from jwtapi.sessions.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    AccessTokenRequired,
    RefreshTokenInvalid,
    RefreshTokenRequired,
)
from jwtapi.web.documentation import problem, problems
from jwtapi.web.origins import CrossOriginRefused

Responses = dict[int | str, dict[str, Any]]

ACCESS_TOKEN_ERRORS = (AccessTokenRequired, AccessTokenExpired, AccessTokenInvalid)

_CREDENTIALS_REQUIRED = {
    "credentials_required": {
        "value": {
            "message": "Username and password are required",
            "code": "credentials_required",
            "errors": [{"field": "password", "message": "Password is required"}],
        }
    }
}


def _with_credentials_required(responses: Responses) -> Responses:
    examples = responses[400]["content"]["application/json"]["examples"]
    responses[400]["content"]["application/json"]["examples"] = _CREDENTIALS_REQUIRED | examples
    return responses


REGISTER_PROBLEMS = _with_credentials_required(
    problems(
        UsernameInvalid,
        UsernameReserved,
        PasswordTooLong,
        PasswordTooCommon,
        CrossOriginRefused,
        UsernameTaken,
        TooManyRegistrations,
        Overloaded,
        body=True,
    )
)
LOGIN_PROBLEMS = _with_credentials_required(
    problems(InvalidCredentials, CrossOriginRefused, TooManyLogins, Overloaded, body=True)
)
REFRESH_PROBLEMS = problems(RefreshTokenRequired, RefreshTokenInvalid, CrossOriginRefused, TooManyRequests)
LOGOUT_PROBLEMS = problems(CrossOriginRefused)
VERIFY_RESPONSES = problems(*ACCESS_TOKEN_ERRORS) | {
    204: {
        "description": "The token is good",
        "headers": {
            name: {"schema": {"type": "string"}, "description": description}
            for name, description in {
                "X-Auth-User": "User name, in percent-encoded UTF-8",
                "X-Auth-User-Id": "UUID of the user",
                "X-Auth-Roles": "Roles, each in percent-encoded UTF-8, commas between",
                "X-Auth-Session": "UUID of the session",
            }.items()
        },
    }
}
TOKEN_PROBLEMS = problems(CrossOriginRefused, TooManyLogins, Overloaded) | {
    400: problem(
        400,
        {
            error.code: {
                "error": error.code,
                "error_description": message,
                "message": message,
                "code": error.code,
            }
            for error, message in (
                (InvalidRequest, "username is missing"),
                (InvalidGrant, "Invalid credentials"),
                (UnsupportedGrantType, UnsupportedGrantType.message),
                (InvalidScope, InvalidScope.message),
            )
        },
        model=OAuthProblem,
    ),
    408: problems(body=True)[408],
    413: problems(body=True)[413],
}
