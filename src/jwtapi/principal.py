"""The principal: the user on whose behalf a request acts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
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
    key_id: UUID | None = None
    """The API key that authenticates the request. None: a session does."""
    claims_json: str | None = field(default=None, repr=False)
    """`claims` as canonical JSON; see `jwtapi.token_claims`."""

    @property
    def claims(self) -> Mapping[str, Any] | None:
        """The members of the user's metadata that TOKEN_CLAIMS names. None if it names none, and for an API key."""
        return json.loads(self.claims_json) if self.claims_json is not None else None

    @property
    def has_proved_two_factors(self) -> bool:
        return "mfa" in self.amr
