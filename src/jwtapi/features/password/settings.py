"""The settings of forgotten and new passwords."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class PasswordSettings(BaseModel):
    password_forgot_rate_limit: RateLimit = "20/minute"  # noqa: S105  a limit, no password
    password_forgot_login_rate_limit: RateLimit = "5/hour"  # noqa: S105  a limit, no password
    password_reset_rate_limit: RateLimit = "20/minute"  # noqa: S105  a limit, no password
    password_change_rate_limit: RateLimit = "5/minute"  # noqa: S105  a limit, no password
