"""How often clients at an address may send a wrong secret."""

from jwtapi.rate_limiting.limits import Limit

WRONG_SECRETS = Limit(name="clients", amount=lambda settings: settings.login_rate_limit)
"""Only failures count, and they delay no client that knows its secret. Nobody can guess 256 random bits, so this limit
stops no thief: it makes a service with a wrong secret wait."""
