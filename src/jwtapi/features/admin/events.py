"""The events of the administration of users."""

from jwtapi.storage.events import EventType, Invalidates

RESET_LINK_PRINTED = EventType("user.reset_link_printed", Invalidates.NOTHING)
RESET_LINK_SENT = EventType("user.reset_link_sent", Invalidates.NOTHING)
"""A mail with a link waits. What users ask for themselves is no event."""
