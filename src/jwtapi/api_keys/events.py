"""The events of API keys. `details` has the `api_key_id` and the `name`."""

from jwtapi.storage.events import EventType, Invalidates

API_KEY_CREATED = EventType("api_key.created", Invalidates.NOTHING)
API_KEY_REVOKED = EventType("api_key.revoked", Invalidates.API_KEYS)
