"""How often an address may sign in, and how often logins to one account may fail."""

from jwtapi.rate_limiting.limits import Limit
from jwtapi.sign_in.errors import TooManyLogins

LOGIN = Limit(
    name="login",
    amount=lambda settings: settings.login_rate_limit,
    error=TooManyLogins,
    spares_success=lambda settings: settings.login_rate_limit_spares_success,
)
FAILED_LOGINS = Limit(name="account", amount=lambda settings: settings.account_rate_limit, error=TooManyLogins)
"""Counted by account, or by device that signed in to it before."""

WRONG_PASSWORDS = Limit(name="confirm", amount=lambda settings: settings.account_rate_limit)
"""Counted by signed-in user. Strangers cannot use it up, because nobody else comes here."""
