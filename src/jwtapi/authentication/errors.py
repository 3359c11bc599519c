"""The errors of requests without a valid access token."""

from collections.abc import Mapping
from typing import Any

from jwtapi.errors import Forbidden, Unauthenticated

MAX_AGE = 600
"""Seconds since the sign-in during which dangerous changes are allowed."""


class AccessTokenRequired(Unauthenticated):
    code = "access_token_required"
    meaning = "the header `Authorization: Bearer …` is missing"
    message = "Access token required"


class AccessTokenExpired(Unauthenticated):
    code = "token_expired"
    meaning = "the access token has expired: refresh it"
    message = "Token expired"
    rejected_token = True


class AccessTokenInvalid(Unauthenticated):
    code = "token_invalid"
    meaning = (
        "the access token is forged, malformed or revoked: refresh it; if that fails, sign in again. Or the API key is "
        "wrong, revoked or expired"
    )
    message = "Invalid token"
    rejected_token = True


class SessionRequired(Forbidden):
    code = "session_required"
    meaning = "an API key must not do this: sign in, and use an access token"
    message = "Sign in to do this. API keys must not."


class RoleRequired(Forbidden):
    code = "role_required"
    meaning = "the user, or the API key, lacks the role that this needs"

    def __init__(self, role: str) -> None:
        super().__init__(f"The role {role} is required")


class SignInTooOld(Unauthenticated):
    code = "insufficient_user_authentication"
    meaning = (
        "the sign-in is older than `maxAge` seconds, or lacks the second factor that the user has: send the password "
        "to `/api/reauthenticate`, then try again. Or the user has none, and MFA_REQUIRED asks for one: set one up"
    )
    message = "Sign in again to do this"
    max_age = MAX_AGE

    @property
    def members(self) -> Mapping[str, Any]:
        return {"maxAge": MAX_AGE}
