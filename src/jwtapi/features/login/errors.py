"""What is wrong with the body of a registration or a login."""

from collections.abc import Mapping, Sequence
from typing import Any

from jwtapi.errors import InvalidInput


class CredentialsRequired(InvalidInput):
    code = "credentials_required"
    message = "Username and password are required"

    def __init__(self, missing: Sequence[str]) -> None:
        """`missing` has "username", "password" or both."""
        self._missing = missing
        super().__init__()

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"field": name, "message": f"{name.capitalize()} is required"} for name in self._missing]}
