"""The events of the administration of users."""

from jwtapi.storage.events import EventType, Invalidates

RESET_LINK_PRINTED = EventType("user.reset_link_printed", Invalidates.NOTHING)
