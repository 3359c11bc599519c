"""The settings of second factors."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from jwtapi.settings import CommaSeparated, RateLimit
from jwtapi.web_origin import parse_domain, parse_origin


class MfaRequirement(StrEnum):
    OFF = "off"
    ADMINS = "admins"
    """Users with the role `admin`."""
    ALL = "all"


_MAX_ISSUER = 64
"""In bytes of UTF-8: with a user name of 64 odd characters it still has to fit into a QR code."""
_MAX_ORIGINS = 5


def _issuer(text: str) -> str:
    if not text.isprintable() or ":" in text or not 1 <= len(text.encode()) <= _MAX_ISSUER:
        raise ValueError("must be a name of at most 64 bytes without a colon, such as Example")
    return text


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    parsed = tuple(map(parse_origin, origins))
    if len(parsed) > _MAX_ORIGINS:
        raise ValueError(f"must be at most {_MAX_ORIGINS} origins, because browsers read no more")
    return parsed


class MfaSettings(BaseModel):
    mfa_required: MfaRequirement = MfaRequirement.OFF
    mfa_grace: int = Field(7 * 24 * 3600, ge=0, le=365 * 24 * 3600)
    """How long a user may sign in without a second factor, from the first sign-in that asks for one. In seconds."""
    mfa_remember_device: int = Field(30 * 24 * 3600, ge=0, le=400 * 24 * 3600)
    """How long a device can be remembered, in seconds. 0: devices are not remembered."""
    totp_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
    """What authenticator apps call this server. None: the host of PUBLIC_URL."""
    mfa_rate_limit: RateLimit = "20/15 minutes"
    passkey_origins: Annotated[CommaSeparated, AfterValidator(_origins)] = ()
    """Other origins whose pages may use the passkeys (WebAuthn §5.11)."""
    passkey_rp_id: Annotated[str, AfterValidator(parse_domain)] | None = None
    """The domain that browsers bind passkeys to. None: the host of PUBLIC_URL."""
    passkey_rate_limit: RateLimit = "60/minute"
