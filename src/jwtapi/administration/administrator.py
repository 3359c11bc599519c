"""Who administers, by which session or API key."""

from dataclasses import dataclass

from jwtapi.caller import Caller
from jwtapi.principal import Principal


@dataclass(frozen=True, slots=True)
class Administrator:
    principal: Principal
    caller: Caller
    """Names the administrator, and the API key if there is one, so that every event of an act has them."""
    needs_mfa: bool
    """Whether a session must have shown a second factor (MFA_REQUIRED)."""
