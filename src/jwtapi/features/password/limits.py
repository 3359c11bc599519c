"""How often passwords may be forgotten, reset and changed."""

from jwtapi.features.password.settings import PasswordSettings
from jwtapi.rate_limiting.limits import Limit

FORGOT = Limit(name="password_forgot", amount=lambda settings: settings.of(PasswordSettings).password_forgot_rate_limit)
"""Counted by address."""
FORGOT_LOGIN = Limit(
    name="password_forgot_login",
    amount=lambda settings: settings.of(PasswordSettings).password_forgot_login_rate_limit,
)
"""Counted by the canonical login, whether or not anybody has it, so that a refusal does not show which it is."""
RESET = Limit(name="password_reset", amount=lambda settings: settings.of(PasswordSettings).password_reset_rate_limit)
"""Counted by address."""
CHANGE = Limit(name="password_change", amount=lambda settings: settings.of(PasswordSettings).password_change_rate_limit)
"""Counted by user."""
