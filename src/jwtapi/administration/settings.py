"""How often administrators may use the administration API."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class AdministrationSettings(BaseModel):
    admin_rate_limit: RateLimit = "600/minute"
