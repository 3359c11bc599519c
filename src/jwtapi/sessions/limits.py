"""The limit on refreshes from one address."""

from jwtapi.rate_limiting.limits import Limit

REFRESH = Limit(name="refresh", amount=lambda settings: settings.refresh_rate_limit)
