"""The principal: the user on whose behalf a request acts."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """An access token carries these fields, a session allows them, and the cache keeps them."""

    user_id: UUID
    username: str
    roles: tuple[str, ...]
    session_id: UUID | None
    """None: the request is authenticated by something else than a session."""
    amr: tuple[str, ...]
    """The methods by which the user signed in (RFC 8176)."""
    auth_time: int
    """When the user signed in, in seconds since 1970."""

    @property
    def has_proved_two_factors(self) -> bool:
        return "mfa" in self.amr
