"""The limits of an account."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class AccountLimitSettings(BaseModel):
    rename_rate_limit: RateLimit = "10/hour"
    export_rate_limit: RateLimit = "5/hour"
