"""The errors of sign-in."""

from jwtapi.errors import TooManyRequests, Unauthenticated


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    meaning = "unknown user, wrong password or disabled user; the response does not reveal which"
    message = "Invalid credentials"


class TooManyLogins(TooManyRequests):
    message = "Too many login attempts. Try again later."
