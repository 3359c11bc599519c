"""The errors of requests without a valid access token."""

from jwtapi.errors import Unauthenticated


class AccessTokenRequired(Unauthenticated):
    code = "access_token_required"
    meaning = "the header `Authorization: Bearer …` is missing"
    message = "Access token required"


class AccessTokenExpired(Unauthenticated):
    code = "token_expired"
    meaning = "the access token has expired: refresh it"
    message = "Token expired"
    rejected_token = True


class AccessTokenInvalid(Unauthenticated):
    code = "token_invalid"
    meaning = "the access token is forged, malformed or revoked: refresh it; if that fails, sign in again"
    message = "Invalid token"
    rejected_token = True
