"""The errors of the token endpoint (RFC 6749 §5.2)."""

from collections.abc import Mapping
from typing import Any

from jwtapi.errors import InvalidInput


class OAuthError(InvalidInput):
    """RFC 6749 §5.2. `code` is the `error` of the RFC, and `message` is its `error_description`."""

    @property
    def members(self) -> Mapping[str, Any]:
        return {"error": self.code, "error_description": self.message}


class InvalidRequest(OAuthError):
    code = "invalid_request"
    meaning = "OAuth2 (RFC 6749 §5.2): a parameter is missing, repeated or malformed"


class InvalidGrant(OAuthError):
    code = "invalid_grant"
    meaning = "OAuth2: wrong credentials or refresh token"


class UnsupportedGrantType(OAuthError):
    code = "unsupported_grant_type"
    meaning = "OAuth2: grant types are password and refresh_token"
    message = "grant_type must be password or refresh_token"


class InvalidScope(OAuthError):
    code = "invalid_scope"
    meaning = "OAuth2: this server has no scopes"
    message = "This server has no scopes"
