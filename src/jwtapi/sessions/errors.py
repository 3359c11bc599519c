"""The errors of a refresh."""

from jwtapi.errors import Forbidden, Unauthenticated


class RefreshTokenRequired(Unauthenticated):
    code = "refresh_token_required"
    meaning = "the refresh cookie is missing"
    message = "Refresh token required"


class RefreshTokenInvalid(Forbidden):
    code = "refresh_token_invalid"
    meaning = "the refresh token is forged, used, expired or revoked: sign in again"
    message = "Invalid refresh token"
