"""The errors of the endpoints of OAuth2 (RFC 6749 §5.2, RFC 7009 §2.2.1)."""

from jwtapi.clients.errors import OAuthError
from jwtapi.errors import InvalidInput


class InvalidGrant(OAuthError, InvalidInput):
    code = "invalid_grant"
    meaning = "OAuth2: wrong credentials or refresh token"


class UnsupportedGrantType(OAuthError, InvalidInput):
    code = "unsupported_grant_type"
    meaning = "OAuth2: grant types are password, refresh_token and client_credentials"
    message = "grant_type must be password, refresh_token or client_credentials"


class InvalidScope(OAuthError, InvalidInput):
    code = "invalid_scope"
    meaning = "OAuth2: the client does not have the scope; tokens of users have no scopes"
    message = "The client does not have this scope"


class UnsupportedTokenType(OAuthError, InvalidInput):
    code = "unsupported_token_type"
    meaning = "OAuth2 (RFC 7009): the token of a client cannot be revoked; it ends with the client"
    message = "Tokens of clients cannot be revoked"
