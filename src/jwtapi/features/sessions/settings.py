"""How often a user may sign in again in a session."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class SessionsSettings(BaseModel):
    reauthenticate_rate_limit: RateLimit = "10/minute"
