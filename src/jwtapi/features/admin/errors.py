"""The errors of the administration of users."""

from jwtapi.errors import Conflict, NotFound


class UnknownUser(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"There is no user {username}.")


class UserDisabled(Conflict):
    def __init__(self, username: str) -> None:
        super().__init__(f"{username} is disabled, so no link works. Enable the user first.")
