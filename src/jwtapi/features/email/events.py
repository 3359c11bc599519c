"""The events of e-mail addresses. None of them contains an address."""

from jwtapi.storage.events import EventType, Invalidates

EMAIL_ENTERED = EventType("user.email_entered", Invalidates.NOTHING)
"""An address waits for verification."""
EMAIL_VERIFIED = EventType("user.email_verified", Invalidates.NOTHING)
"""The first address of the user."""
EMAIL_CHANGED = EventType("user.email_changed", Invalidates.NOTHING)
"""The user has verified another address."""
EMAIL_CHANGE_UNDONE = EventType("user.email_change_undone", Invalidates.NOTHING)
"""The former address is back, and the user has no password."""
