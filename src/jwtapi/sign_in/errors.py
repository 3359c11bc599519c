"""Why nobody could sign in."""

from jwtapi.errors import Unauthenticated


class InvalidCredentials(Unauthenticated):
    """Unknown user, wrong password, disabled user: nobody is told which."""

    code = "invalid_credentials"
    message = "Invalid credentials"
