"""The errors of operations that need an access token, for the OpenAPI document."""

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired

ACCESS_TOKEN_ERRORS = (AccessTokenRequired(), AccessTokenExpired(), AccessTokenInvalid())
