"""How often people may enter and confirm e-mail addresses."""

from jwtapi.features.email.settings import EmailSettings
from jwtapi.rate_limiting.limits import Limit

EMAIL_VERIFY = Limit(name="email_verify", amount=lambda settings: settings.of(EmailSettings).email_verify_rate_limit)
EMAIL_CHANGE = Limit(name="email_change", amount=lambda settings: settings.of(EmailSettings).email_change_rate_limit)
"""Counted by user."""
