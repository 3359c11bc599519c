"""The errors of the administration of users."""

from jwtapi.errors import Conflict, InvalidInput, NotFound
from jwtapi.users.roles import MAX_BYTES


class UnknownUser(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"There is no user {username}.")


class UserDisabled(Conflict):
    code = "user_disabled"
    meaning = "the user is disabled, so no link works: enable the user first"
    message = "The user is disabled, so no link works. Enable the user first."


class RolesRefused(InvalidInput):
    code = "roles_invalid"
    meaning = "a role is not printable text without a comma and without spaces around it, or all roles are too long"
    field = "roles"
    message = (
        "Each role must be printable text without a comma and without spaces around it, and all roles of a user "
        f"at most {MAX_BYTES} bytes as JSON"
    )


class NoServiceAccount(Conflict):
    code = "no_service_account"
    meaning = "administrators make API keys for service accounts only: people make their own"
    message = "This is no service account"
