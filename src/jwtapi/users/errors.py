"""The errors of creating users."""

from jwtapi.errors import Conflict


class UsernameTaken(Conflict):
    code = "username_taken"
    meaning = "another user has this user name; case, width and composition make no difference"
    message = "Username already taken"
