"""Takes the address of the client from trusted proxies."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from jwtapi.settings import UNIX_PEER

MAX_HOPS = 20
"""Entries of X-Forwarded-For that are read, from the right, where proxies append."""

_MAX_LENGTH = 100
"""Characters of an entry, including brackets, port, zone and spaces. It also limits the size of the cache."""

_MAX_REMEMBERED = 4096
"""Entries whose address is cached."""

_WITH_PORT = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:]*))(?::\d{1,5})?", re.ASCII)
"""`192.0.2.1:5678`, `[2001:db8::1]:5678`, or either without a port. It matches no IPv6 address without brackets."""


class TrustedProxies(ProxyHeadersMiddleware):
    """Takes the address and the scheme of the client from proxies in these networks.

    uvicorn would accept any text as an address, and would need 50 ms for thousands of entries of trusted networks. So
    we replace the method of `trusted_hosts` that finds the address. uvicorn documents neither of them.
    """

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        trusted = [*networks, *filter(None, map(_mapped_to_ipv6, networks))]
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]
        self.trusted_hosts.get_trusted_client_address = self._client_of  # type: ignore[method-assign]

    def _client_of(self, x_forwarded_for: str) -> tuple[str, int]:
        """Return the right-most address that is not a trusted proxy, else the left-most proxy that was read, else "".

        An entry that is not an address ends the search, because the entries to the left of it cannot be trusted.
        """
        farthest = ""
        for entry in reversed(x_forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            address = _parse(entry.strip()) if len(entry) <= _MAX_LENGTH else None
            if address is None:
                break
            farthest = address
            if address not in self.trusted_hosts:
                break
        return farthest, 0


@lru_cache(_MAX_REMEMBERED)
def _parse(entry: str) -> str | None:
    """Return the address of an entry of X-Forwarded-For in its usual form. None if it is not one, such as `unknown`.

    The entry may have a port. The zone is removed, because it has a meaning only on the machine of the proxy.
    """
    match = _WITH_PORT.fullmatch(entry)
    try:
        address = ipaddress.ip_address(match["bracketed"] or match["plain"] or "" if match else entry)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or address).partition("%")[0]
    return str(address)


class UnixPeers:
    """Sets a name as the address of clients on the socket file, which have none.

    Logs and TRUSTED_PROXIES use the name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = (UNIX_PEER, 0)
        await self._app(scope, receive, send)


def _mapped_to_ipv6(network: str) -> str | None:
    """Return the form that the addresses of an IPv4 network have on a socket for both versions (RFC 4291 §2.5.5.2)."""
    if network == UNIX_PEER:
        return None
    parsed = ipaddress.ip_network(network)
    return f"::ffff:{parsed.network_address}/{96 + parsed.prefixlen}" if parsed.version == 4 else None  # noqa: PLR2004
