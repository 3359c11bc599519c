"""The event of a user who was brought from another system."""

from jwtapi.storage.events import EventType, Invalidates

USER_IMPORTED = EventType("user.imported", Invalidates.NOTHING)
