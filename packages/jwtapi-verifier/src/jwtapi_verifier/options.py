import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args
from urllib.parse import urlsplit

from jwtapi_verifier.clock import Clock
from jwtapi_verifier.timing import Timing

OnSilence = Literal["refuse", "ask", "accept"]
MAX_LEEWAY = 30


class VerifierOptions(TypedDict, total=False):
    """The options of `Verifier`, which describes them."""

    jwks_url: str | None
    client_id: str | None
    client_secret: str | None
    on_silence: OnSilence
    leeway: float
    cooldown: float
    max_stale: float
    allow_http: bool
    ssl_context: ssl.SSLContext | None
    clock: Clock
    timing: Timing


@dataclass(frozen=True)
class Options:
    issuer: str
    audience: str
    jwks_url: str | None
    client_id: str | None
    client_secret: str | None = field(repr=False)
    on_silence: OnSilence
    leeway: float
    cooldown: float
    max_stale: float
    allow_http: bool
    ssl_context: ssl.SSLContext | None
    clock: Clock
    timing: Timing

    def __post_init__(self) -> None:
        """Raise ValueError if an option makes no sense. The message does not repeat the secret."""
        for name, is_right in _CHECKS.items():
            if not is_right(self):
                raise ValueError(f"{name} is wrong: see the documentation of jwtapi_verifier.Verifier")

    @property
    def key_set_url(self) -> str:
        return self.jwks_url or self.url_of("/.well-known/jwks.json")

    def url_of(self, path: str) -> str:
        return self.issuer.rstrip("/") + path

    @property
    def uses_tls(self) -> bool:
        return any(url.startswith("https:") for url in (self.issuer, self.key_set_url))


def _is_safe(url: str, *, allow_http: bool) -> bool:
    """Return whether nobody on the way can replace what the address answers."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.query or parts.fragment or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (allow_http or _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_CHECKS: dict[str, Callable[[Options], bool]] = {
    "issuer": lambda options: _is_safe(options.issuer, allow_http=options.allow_http),
    "jwks_url": lambda options: _is_safe(options.key_set_url, allow_http=options.allow_http),
    "audience": lambda options: isinstance(options.audience, str) and options.audience != "",
    "client_id, without or with client_secret,": lambda options: bool(options.client_id) == bool(options.client_secret),
    "on_silence": lambda options: options.on_silence in get_args(OnSilence),
    "leeway": lambda options: 0 <= options.leeway <= MAX_LEEWAY,
    "cooldown": lambda options: options.cooldown >= 0,
    "max_stale": lambda options: options.max_stale > 0,
}
