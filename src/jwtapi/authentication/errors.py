"""Why a request is not authenticated."""

from jwtapi.errors import Unauthenticated


class AccessTokenRequired(Unauthenticated):
    code = "access_token_required"
    message = "Access token required"


class AccessTokenExpired(Unauthenticated):
    code = "token_expired"
    message = "Token expired"
    rejected_token = True


class AccessTokenInvalid(Unauthenticated):
    """Forged, malformed, or of a session that has ended. The answer does not say which."""

    code = "token_invalid"
    message = "Invalid token"
    rejected_token = True
