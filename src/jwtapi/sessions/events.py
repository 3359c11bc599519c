"""The events of a session."""

from jwtapi.storage.events import EventType, Invalidates

SESSION_REVOKED = EventType("session.revoked", Invalidates.SESSION)
SESSIONS_REVOKED = EventType("sessions.revoked", Invalidates.USER)
"""All sessions of the user ended, or all but one. `details` has their `count`, and the id of the session `kept`."""
SESSION_REAUTHENTICATED = EventType("session.reauthenticated", Invalidates.SESSION)
"""Its user proved again to be that user, so `auth_time` is new."""
REFRESH_TOKEN_REUSED = EventType("session.refresh_token_reused", Invalidates.NOTHING)
"""SESSION_REVOKED comes with it."""
