"""How often an address may register."""

from jwtapi.features.login.errors import TooManyRegistrations
from jwtapi.rate_limiting.limits import Limit

REGISTER = Limit(
    name="register",
    amount=lambda settings: settings.register_rate_limit or settings.login_rate_limit,
    error=TooManyRegistrations,
)
