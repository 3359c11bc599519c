"""The errors of operations that need an access token or an API key, for the OpenAPI document."""

from jwtapi.authentication.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    AccessTokenRequired,
    RoleRequired,
    SessionRequired,
    SignInTooOld,
)
from jwtapi.errors import JwtapiError

ACCESS_TOKEN_ERRORS = (AccessTokenRequired(), AccessTokenExpired(), AccessTokenInvalid())
"""The errors of requests without a valid access token or API key."""

SESSION_ERRORS = (*ACCESS_TOKEN_ERRORS, SessionRequired())
"""Those of operations that API keys must not use."""

RECENT_SIGN_IN_ERRORS = (*SESSION_ERRORS, SignInTooOld())
"""Those of operations that need a recent sign-in."""


def role_errors(role: str) -> tuple[JwtapiError, ...]:
    """Return the errors of operations behind `require_role`."""
    return (*ACCESS_TOKEN_ERRORS, RoleRequired(role))
