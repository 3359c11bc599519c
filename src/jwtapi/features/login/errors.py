"""The errors of registration and login."""

from collections.abc import Mapping, Sequence
from typing import Any

from jwtapi.errors import Forbidden, InvalidInput, TooManyRequests


class CredentialsRequired(InvalidInput):
    code = "credentials_required"
    meaning = "the user name or the password is missing or empty"
    message = "Username and password are required"

    def __init__(self, missing: Sequence[str]) -> None:
        """`missing` has "username", "password" or both."""
        self._missing = missing
        super().__init__()

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"field": name, "message": f"{name.capitalize()} is required"} for name in self._missing]}


class EmailRequired(InvalidInput):
    code = "email_required"
    meaning = "the e-mail address is missing, and a registration needs one (EMAIL_REQUIRED)"
    field = "email"
    message = "E-mail address is required"


class InvitationRequired(Forbidden):
    code = "invitation_required"
    meaning = "nobody can register here without an invitation (REGISTRATION)"
    message = "Registration needs an invitation"


class TooManyRegistrations(TooManyRequests):
    message = "Too many registrations. Try again later."
