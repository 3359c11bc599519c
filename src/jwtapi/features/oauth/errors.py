"""The errors of the token endpoint (RFC 6749 §5.2)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jwtapi.errors import InvalidInput


class OAuthError(InvalidInput):
    """RFC 6749 §5.2. The code is the RFC's `error`, the message its `error_description`."""

    @property
    def members(self) -> Mapping[str, Any]:
        return {"error": self.code, "error_description": self.message}


class InvalidRequest(OAuthError):
    code: ClassVar[str] = "invalid_request"


class InvalidGrant(OAuthError):
    code: ClassVar[str] = "invalid_grant"


class UnsupportedGrantType(OAuthError):
    code: ClassVar[str] = "unsupported_grant_type"
    message = "grant_type must be password or refresh_token"


class InvalidScope(OAuthError):
    code: ClassVar[str] = "invalid_scope"
    message = "This server has no scopes"
