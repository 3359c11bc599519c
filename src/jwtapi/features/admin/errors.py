"""The errors of the administration of users."""

from jwtapi.errors import NotFound


class UnknownUser(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"There is no user {username}.")
