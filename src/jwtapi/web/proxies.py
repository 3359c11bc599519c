"""Whose word counts on where a request comes from."""

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

MAX_HOPS = 20
"""Entries of X-Forwarded-For that are looked at, from the right, where the proxies write."""


class TrustedProxies(ProxyHeadersMiddleware):
    """Takes the client's address and scheme from proxies in these networks.

    Thousands of entries, each of a trusted network, would keep uvicorn busy for 50 ms.
    """

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        trusted = [*networks, *filter(None, map(_mapped_to_ipv6, networks))]
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]
        self._all_hops = self.trusted_hosts.get_trusted_client_address
        self.trusted_hosts.get_trusted_client_address = self._last_hops  # type: ignore[method-assign]

    def _last_hops(self, x_forwarded_for: str) -> tuple[str, int]:
        return self._all_hops(",".join(x_forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]))


def _mapped_to_ipv6(network: str) -> str | None:
    """What an IPv4 network's addresses look like to a socket that takes both kinds (RFC 4291 §2.5.5.2)."""
    parsed = ipaddress.ip_network(network)
    return f"::ffff:{parsed.network_address}/{96 + parsed.prefixlen}" if parsed.version == 4 else None  # noqa: PLR2004
