"""The errors of sign-in."""

from jwtapi.errors import Forbidden, TooManyRequests, Unauthenticated


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    meaning = "unknown user, wrong password or disabled user; the response does not reveal which"
    message = "Invalid credentials"


class WrongPassword(Forbidden):
    """Not Unauthenticated: a client would refresh its access token, and send the same password again."""

    code = "wrong_password"
    meaning = "the password of the signed-in user is wrong"
    message = "Wrong password"


class TooManyLogins(TooManyRequests):
    message = "Too many login attempts. Try again later."
