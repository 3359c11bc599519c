"""Why somebody is not signed in, or no longer."""

from jwtapi.errors import Forbidden, Unauthenticated


class AccessTokenRequired(Unauthenticated):
    code = "access_token_required"
    message = "Access token required"


class AccessTokenExpired(Unauthenticated):
    code = "token_expired"
    message = "Token expired"
    rejected_token = True


class AccessTokenInvalid(Unauthenticated):
    """Forged, malformed, or of a session that is over: nobody is told which."""

    code = "token_invalid"
    message = "Invalid token"
    rejected_token = True


class RefreshTokenRequired(Unauthenticated):
    code = "refresh_token_required"
    message = "Refresh token required"


class RefreshTokenInvalid(Forbidden):
    """Forged, used, expired or revoked: nobody is told which."""

    code = "refresh_token_invalid"
    message = "Invalid refresh token"
