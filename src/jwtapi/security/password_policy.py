"""Which new passwords are accepted (NIST SP 800-63B-4 §3.1.1.2): a minimum length, nothing easy to guess."""

from collections.abc import Callable

from jwtapi.errors import InvalidInput
from jwtapi.security.passwords import MAX_LENGTH, normalised

_MIN_GUESSES = 1_000_000
"""Fewer guesses suffice for the 30,000 commonest passwords, repetitions ("aaaa…", "passwordpassword"), keyboard runs,
sequences, dates, and the name of the user or the service."""


class PasswordRefused(InvalidInput):
    """A new password is not accepted. `field` can be set to another name of its field."""

    field = "password"


class PasswordTooShort(PasswordRefused):
    code = "password_too_short"
    meaning = "the new password has fewer characters than PASSWORD_MIN_LENGTH"

    def __init__(self, minimum: int) -> None:
        super().__init__(f"Password must have at least {minimum} characters")


class PasswordTooLong(PasswordRefused):
    code = "password_too_long"
    meaning = "the new password has more than 1024 characters"
    message = f"Password must have at most {MAX_LENGTH} characters"


class PasswordTooCommon(PasswordRefused):
    code = "password_too_common"
    meaning = "the new password is easy to guess (PASSWORD_BLOCKLIST)"
    message = "Password is too easy to guess"


class PasswordPolicy:
    def __init__(self, *, min_length: int, blocklist: bool) -> None:
        self._min_length = min_length
        self._guesses: Callable[[str, tuple[str, ...]], int] | None = None
        if blocklist:
            from jwtapi.security import guessing  # noqa: PLC0415  its lists take 13 MB

            guessing.load()
            self._guesses = guessing.guesses

    def check_length(self, password: str) -> str:
        """Return the password as it will be hashed. The longest password takes a millisecond or two.

        Raises:
            PasswordTooShort, PasswordTooLong: the password is refused.
        """
        if len(password) > MAX_LENGTH:
            raise PasswordTooLong
        normal = normalised(password)
        if len(normal) < self._min_length:
            raise PasswordTooShort(self._min_length)
        return normal

    def check(self, password: str, *, username: str) -> None:
        """Check everything. Run it off the event loop, because it takes some milliseconds of processor time.

        Raises:
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the password is refused.
        """
        normal = self.check_length(password)
        if self._guesses is not None and self._guesses(normal, (username, "jwtapi")) <= _MIN_GUESSES:
            raise PasswordTooCommon
