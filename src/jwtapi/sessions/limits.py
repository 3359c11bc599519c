"""How often an address may refresh."""

from jwtapi.rate_limiting.limits import Limit

REFRESH = Limit(name="refresh", amount=lambda settings: settings.refresh_rate_limit)
