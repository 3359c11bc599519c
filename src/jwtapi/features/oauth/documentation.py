"""The documentation of the endpoints of OAuth2 for the OpenAPI document."""

from typing import Any

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid
from jwtapi.clients.errors import InsufficientScope, InvalidClient, InvalidRequest
from jwtapi.clients.schemas import ErrorBodyForClients, OAuthErrorBody
from jwtapi.clients.scopes import Scope
from jwtapi.errors import TooManyRequests
from jwtapi.features.oauth.errors import InvalidGrant, InvalidScope, UnsupportedGrantType, UnsupportedTokenType
from jwtapi.second_factors.documentation import SECOND_FACTOR_REQUIRED, TICKET_ERRORS
from jwtapi.security.passwords import Overloaded
from jwtapi.settings import Settings
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import TooManyLogins
from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.web.documentation import BODY, EXAMPLE_WAIT, RATE_LIMIT, error_responses, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import EXAMPLE_ID

TOKEN = error_responses(
    InvalidRequest("username is missing"),
    InvalidGrant("Invalid credentials"),
    *(InvalidGrant(error.message, error) for error in (*SECOND_FACTOR_REQUIRED, *TICKET_ERRORS)),
    UnsupportedGrantType(),
    InvalidScope(),
    InvalidClient(),
    CrossOriginRefused(),
    TooManyLogins(EXAMPLE_WAIT),
    Overloaded(),
    *BODY,
) | {
    200: success(
        "Signed in, or still signed in, or the token of a service.",
        example={
            "access_token": EXAMPLE_ACCESS_TOKEN,
            "token_type": "bearer",
            "expires_in": 900,
            "refresh_token": EXAMPLE_REFRESH_TOKEN,
        },
        with_headers=RATE_LIMIT,
    )
}
INTROSPECTION = error_responses(
    InvalidRequest("token is missing"),
    InvalidClient(),
    AccessTokenExpired(),
    AccessTokenInvalid(),
    InsufficientScope(Scope.INTROSPECT),
    CrossOriginRefused(),
    TooManyRequests(EXAMPLE_WAIT),
    *BODY,
) | {
    200: success(
        "What is true of the token now. Of one that is not active: only `active`.",
        example={
            "active": True,
            "client_id": "jwtapi",
            "username": "alice",
            "token_type": "Bearer",
            "exp": 1795447132,
            "iat": 1795446232,
            "sub": EXAMPLE_ID,
            "iss": "jwtapi",
            "jti": "5f0c1e9d7a3b48c60000000000000001",
            "sid": EXAMPLE_ID,
            "roles": ["editor"],
            "amr": ["pwd"],
            "auth_time": 1795446232,
        },
    )
}
REVOCATION = error_responses(
    InvalidRequest("token is missing"),
    UnsupportedTokenType(),
    InvalidClient(),
    InsufficientScope(Scope.REVOKE),
    CrossOriginRefused(),
    TooManyRequests(EXAMPLE_WAIT),
    *BODY,
) | {200: success("Signed out, or was not signed in.")}
for _responses in (TOKEN, INTROSPECTION, REVOCATION):
    _responses[400]["model"] = OAuthErrorBody
for _responses in (TOKEN, REVOCATION):
    _responses[401]["model"] = OAuthErrorBody
INTROSPECTION[401]["model"] = ErrorBodyForClients
for _responses in (INTROSPECTION, REVOCATION):
    _responses[403]["model"] = ErrorBodyForClients


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what depends on the settings: the URL of the endpoint below ROOT_PATH, and the length of a password."""
    if settings.root_path is not None:
        # Absolute, because a relative path would replace the last part of the server's URL.
        endpoint = f"{settings.root_path}/token"
        schemes = document["components"]["securitySchemes"]
        schemes["Password"]["flows"]["password"] |= {"tokenUrl": endpoint, "refreshUrl": endpoint}
    form = document["paths"]["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    form["examples"]["password"]["value"]["password"] = example_password(settings.password_min_length)
