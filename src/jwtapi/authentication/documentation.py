"""What the OpenAPI document says of operations that need an access token."""

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired

ACCESS_TOKEN_ERRORS = (AccessTokenRequired(), AccessTokenExpired(), AccessTokenInvalid())
