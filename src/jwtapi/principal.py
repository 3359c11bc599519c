"""The principal: the user on whose behalf a request acts, and what allows it to."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """What an access token says, what its session allows, and what is cached, in one list of fields."""

    user_id: UUID
    username: str
    roles: tuple[str, ...]
    session_id: UUID | None
    """None: the request acts by something else than a session."""
    amr: tuple[str, ...]
    """How the user proved to be the user (RFC 8176)."""
    auth_time: int
    """When the user did, in seconds since 1970."""
