"""Why somebody could not register or sign in."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jwtapi.errors import Conflict, InvalidInput, Unauthenticated


class CredentialsRequired(InvalidInput):
    code = "credentials_required"
    message = "Username and password are required"

    def __init__(self, missing: Sequence[str]) -> None:
        """`missing` has "username", "password" or both."""
        self._missing = missing
        super().__init__()

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"field": name, "message": f"{name.capitalize()} is required"} for name in self._missing]}


class UsernameTaken(Conflict):
    code = "username_taken"
    message = "Username already taken"


class InvalidCredentials(Unauthenticated):
    """Unknown user, wrong password, disabled user: nobody is told which."""

    code = "invalid_credentials"
    message = "Invalid credentials"


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
