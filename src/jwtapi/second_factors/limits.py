"""How often second factors may be wrong."""

from jwtapi.rate_limiting.limits import Limit
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.sign_in.errors import TooManyLogins

MFA = Limit(
    name="mfa_address",
    amount=lambda settings: settings.of(MfaSettings).mfa_rate_limit,
    error=TooManyLogins,
    spares_success=lambda settings: settings.login_rate_limit_spares_success,
)
"""Counted by address."""
PASSKEY_OPTIONS = Limit(name="passkey", amount=lambda settings: settings.of(MfaSettings).passkey_rate_limit)
"""Counted by address."""
SECOND_FACTORS = Limit(name="mfa", amount=lambda settings: settings.account_rate_limit, error=TooManyLogins)
"""Counted by user, whatever device cookies the client has. Only those who know the password can use it up."""
