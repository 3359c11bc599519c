"""The tables that every installation has. Importing the module of a table adds the table to `metadata`."""

from jwtapi.storage import (
    api_keys,
    events,
    held_names,
    invitations,
    login_tickets,
    mails,
    passkey_challenges,
    passkeys,
    rate_limits,
    recovery_codes,
    remembered_devices,
    sessions,
    totp_secrets,
    user_roles,
    users,
)
from jwtapi.storage.metadata import metadata

__all__ = [
    "api_keys",
    "events",
    "held_names",
    "invitations",
    "login_tickets",
    "mails",
    "metadata",
    "passkey_challenges",
    "passkeys",
    "rate_limits",
    "recovery_codes",
    "remembered_devices",
    "sessions",
    "totp_secrets",
    "user_roles",
    "users",
]
