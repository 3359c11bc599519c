"""The settings of API keys."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class ApiKeySettings(BaseModel):
    api_key_rate_limit: RateLimit = "30/hour"
    """Keys that one user makes."""
