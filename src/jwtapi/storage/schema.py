"""The tables that every installation has. Importing the module of a table adds the table to `metadata`."""

from jwtapi.storage import events, held_names, invitations, mails, rate_limits, sessions, users
from jwtapi.storage.metadata import metadata

__all__ = ["events", "held_names", "invitations", "mails", "metadata", "rate_limits", "sessions", "users"]
