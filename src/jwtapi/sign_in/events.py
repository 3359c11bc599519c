"""The events of signing in."""

from jwtapi.storage.events import EventType, Invalidates

LOGIN_SUCCEEDED = EventType("login.succeeded", Invalidates.NOTHING)
LOGIN_FAILED = EventType("login.failed", Invalidates.NOTHING)
