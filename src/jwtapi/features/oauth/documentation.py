"""The documentation of the token endpoint for the OpenAPI document."""

from typing import Any

from jwtapi.features.oauth.errors import InvalidGrant, InvalidRequest, InvalidScope, UnsupportedGrantType
from jwtapi.features.oauth.schemas import OAuthErrorBody
from jwtapi.security.passwords import Overloaded
from jwtapi.settings import Settings
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import TooManyLogins
from jwtapi.web.documentation import BODY, EXAMPLE_WAIT, RATE_LIMIT, error_responses, success
from jwtapi.web.origins import CrossOriginRefused

TOKEN = error_responses(
    InvalidRequest("username is missing"),
    InvalidGrant("Invalid credentials"),
    UnsupportedGrantType(),
    InvalidScope(),
    CrossOriginRefused(),
    TooManyLogins(EXAMPLE_WAIT),
    Overloaded(),
    *BODY,
) | {200: success("Signed in, or still signed in.", with_headers=RATE_LIMIT)}
TOKEN[400]["model"] = OAuthErrorBody


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what depends on the settings: the URL of the endpoint below ROOT_PATH, and the length of a password."""
    if settings.root_path is not None:
        # Absolute, because a relative path would replace the last part of the server's URL.
        endpoint = f"{settings.root_path}/token"
        schemes = document["components"]["securitySchemes"]
        schemes["Password"]["flows"]["password"] |= {"tokenUrl": endpoint, "refreshUrl": endpoint}
    form = document["paths"]["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    form["examples"]["password"]["value"]["password"] = example_password(settings.password_min_length)
