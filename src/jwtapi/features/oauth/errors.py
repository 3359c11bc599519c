"""The errors of the endpoints of OAuth2 (RFC 6749 §5.2, RFC 7009 §2.2.1)."""

from collections.abc import Mapping
from typing import Any

from jwtapi.clients.errors import OAuthError
from jwtapi.errors import InvalidInput, JwtapiError


class InvalidGrant(OAuthError, InvalidInput):
    code = "invalid_grant"
    meaning = "OAuth2: wrong credentials or refresh token"

    def __init__(self, message: str, cause: JwtapiError | None = None) -> None:
        """`cause` gives its own code, meaning and members to the answer."""
        self._cause = cause
        if cause is not None:
            self.meaning = cause.meaning  # type: ignore[misc]  # of this answer
        super().__init__(message)

    @property
    def members(self) -> Mapping[str, Any]:
        caused = {} if self._cause is None else {**self._cause.members, "code": self._cause.code}
        return {**super().members, **caused}


class UnsupportedGrantType(OAuthError, InvalidInput):
    code = "unsupported_grant_type"
    meaning = "OAuth2: grant types are password, refresh_token, client_credentials and urn:jwtapi:oauth:grant-type:mfa"
    message = "grant_type must be password, refresh_token, client_credentials or urn:jwtapi:oauth:grant-type:mfa"


class InvalidScope(OAuthError, InvalidInput):
    code = "invalid_scope"
    meaning = "OAuth2: the client does not have the scope; tokens of users have no scopes"
    message = "The client does not have this scope"


class UnsupportedTokenType(OAuthError, InvalidInput):
    code = "unsupported_token_type"
    meaning = "OAuth2 (RFC 7009): the token of a client ends with the client, and an API key is revoked elsewhere"
    message = "Tokens of clients cannot be revoked"
