"""How often a user may make an API key."""

from jwtapi.api_keys.settings import ApiKeySettings
from jwtapi.rate_limiting.limits import Limit

API_KEY = Limit(name="api_key", amount=lambda settings: settings.of(ApiKeySettings).api_key_rate_limit)
"""Counted by user."""
