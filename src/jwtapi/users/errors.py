"""Why a user cannot be created."""

from jwtapi.errors import Conflict


class UsernameTaken(Conflict):
    code = "username_taken"
    message = "Username already taken"
