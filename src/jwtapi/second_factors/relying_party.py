"""For which domain, and for which pages, passkeys work."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from jwtapi.second_factors.settings import MfaSettings
from jwtapi.settings import Settings, SettingsError
from jwtapi.web_origin import host_of, is_address, is_loopback, parse_origin


@dataclass(frozen=True, slots=True)
class RelyingParty:
    rp_id: str
    """The domain that browsers bind passkeys to (WebAuthn §4, RP ID)."""
    origins: Sequence[str]


def relying_party(settings: Settings) -> RelyingParty | None:
    """Return what PUBLIC_URL and the settings of passkeys say. None: browsers give none to this address.

    Raises:
        SettingsError: PASSKEY_RP_ID is not the host of PUBLIC_URL, nor a domain above it.
    """
    ours = settings.of(MfaSettings)
    url = settings.public_url or (None if settings.in_production else f"http://localhost:{settings.port}")
    if url is None:
        return None
    origin = parse_origin(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
    host = host_of(origin)
    if is_address(host) or not (origin.startswith("https://") or is_loopback(host)):
        return None
    rp_id = ours.passkey_rp_id or host
    if host != rp_id and not host.endswith(f".{rp_id}"):
        raise SettingsError([f"PASSKEY_RP_ID: must be {host}, the host of PUBLIC_URL, or a domain above it"])
    return RelyingParty(rp_id, (origin, *ours.passkey_origins))
