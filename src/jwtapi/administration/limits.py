"""How often administrators may use the administration API."""

from jwtapi.administration.settings import AdministrationSettings
from jwtapi.rate_limiting.limits import Limit

ADMINISTRATION = Limit(
    name="administration", amount=lambda settings: settings.of(AdministrationSettings).admin_rate_limit
)
"""Counted by administrator, all requests together. An administrator whose token leaked reads no faster."""
