"""How often a user may sign in again in a session."""

from jwtapi.features.sessions.settings import SessionsSettings
from jwtapi.rate_limiting.limits import Limit

REAUTHENTICATE = Limit(
    name="reauthenticate", amount=lambda settings: settings.of(SessionsSettings).reauthenticate_rate_limit
)
"""Counted by account, right passwords too."""
