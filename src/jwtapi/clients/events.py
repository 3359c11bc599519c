"""The events of clients. `details` has the `client_id`."""

from jwtapi.storage.events import EventType, Invalidates

CLIENT_CREATED = EventType("client.created", Invalidates.NOTHING)
CLIENT_DELETED = EventType("client.deleted", Invalidates.NOTHING)
"""Nothing is cached of clients."""
