"""Which new passwords are taken: NIST SP 800-63B-4 §3.1.1.2. Length and guessability, no composition rules."""

from collections.abc import Callable
from typing import Any

from jwtapi.errors import InvalidInput

MAX_LENGTH = 1024
"""Code points. There is a bound because checking and hashing take time that grows with the length."""

_MIN_SCORE = 2
"""zxcvbn's score for more than a million guesses. Below are the 30,000 commonest passwords, repetitions ("aaaa…",
"passwordpassword"), keyboard runs, sequences, dates, and the user's or the service's own name."""

_ASSESSED = 72
"""Code points that zxcvbn looks at; its time grows with the square of the length."""


class PasswordTooShort(InvalidInput):
    code = "password_too_short"
    field = "password"

    def __init__(self, minimum: int) -> None:
        super().__init__(f"Password must have at least {minimum} characters")


class PasswordTooLong(InvalidInput):
    code = "password_too_long"
    field = "password"
    message = f"Password must have at most {MAX_LENGTH} characters"


class PasswordTooCommon(InvalidInput):
    code = "password_too_common"
    field = "password"
    message = "Password is too easy to guess"


class PasswordPolicy:
    def __init__(self, *, min_length: int, blocklist: bool) -> None:
        self._min_length = min_length
        self._guess: Callable[..., dict[str, Any]] | None = None
        if blocklist:
            from zxcvbn import zxcvbn  # noqa: PLC0415  its lists take 13 MB

            self._guess = zxcvbn

    def check_length(self, password: str) -> None:
        """Raises PasswordTooShort, PasswordTooLong."""
        if len(password) < self._min_length:
            raise PasswordTooShort(self._min_length)
        if len(password) > MAX_LENGTH:
            raise PasswordTooLong

    def check(self, password: str, *, username: str) -> None:
        """Take some milliseconds of processor time, so off the event loop.

        Raises:
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the password is refused.
        """
        self.check_length(password)
        if self._guess is not None:
            guess = self._guess(password[:_ASSESSED], user_inputs=[username, "jwtapi"])
            if guess["score"] < _MIN_SCORE:
                raise PasswordTooCommon
