"""The tables that every installation has. Importing the module of a table adds the table to `metadata`."""

from jwtapi.storage import events, rate_limits, sessions, users
from jwtapi.storage.metadata import metadata

__all__ = ["events", "metadata", "rate_limits", "sessions", "users"]
