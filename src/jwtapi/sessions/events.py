"""The events of a session."""

from jwtapi.storage.events import EventType, Invalidates

SESSION_REVOKED = EventType("session.revoked", Invalidates.SESSION)
REFRESH_TOKEN_REUSED = EventType("session.refresh_token_reused", Invalidates.NOTHING)
"""SESSION_REVOKED comes with it."""
