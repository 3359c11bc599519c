"""The events of signing keys. `details` has the `kid`."""

from jwtapi.storage.events import EventType, Invalidates

SIGNING_KEY_ADDED = EventType("signing_key.added", Invalidates.NOTHING)
SIGNING_KEY_CHANGED = EventType("signing_key.changed", Invalidates.NOTHING)
"""It signs from another time on, or was withdrawn before it signed anything."""
SIGNING_KEY_REVOKED = EventType("signing_key.revoked", Invalidates.ALL)
"""Verified tokens are cached by their text, so those of this key must go too."""

OF_SIGNING_KEYS = frozenset({SIGNING_KEY_ADDED, SIGNING_KEY_CHANGED, SIGNING_KEY_REVOKED})
