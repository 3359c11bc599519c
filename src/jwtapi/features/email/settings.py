"""The settings of e-mail addresses."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class EmailSettings(BaseModel):
    email_verify_rate_limit: RateLimit = "20/minute"
    """Requests of one network address to the three endpoints."""
    email_change_rate_limit: RateLimit = "5/hour"
    """Addresses that one user enters."""
