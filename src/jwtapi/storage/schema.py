"""The tables that every installation has: a table is known to `metadata` when its module is loaded."""

from jwtapi.storage import events, rate_limits, sessions, users
from jwtapi.storage.metadata import metadata

__all__ = ["events", "metadata", "rate_limits", "sessions", "users"]
