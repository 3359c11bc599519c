"""The scopes: what a client may do beyond signing users in."""

from enum import StrEnum


class Scope(StrEnum):
    INTROSPECT = "introspect"
    """Ask whether a token is active."""
    REVOKE = "revoke"
    """End sessions that it did not open."""
    REVOCATIONS = "revocations"
    """Follow what ends: the ids of sessions and users."""
