"""Why a session cannot be refreshed."""

from jwtapi.errors import Forbidden, Unauthenticated


class RefreshTokenRequired(Unauthenticated):
    code = "refresh_token_required"
    message = "Refresh token required"


class RefreshTokenInvalid(Forbidden):
    """Forged, used, expired or revoked. The answer does not say which."""

    code = "refresh_token_invalid"
    message = "Invalid refresh token"
