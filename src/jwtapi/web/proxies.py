"""Whose word counts on where a request comes from."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from jwtapi.settings import UNIX_PEER

MAX_HOPS = 20
"""Entries of X-Forwarded-For that are looked at, from the right, where the proxies write."""

_MAX_LENGTH = 100
"""Characters of an entry, with brackets, port, zone and the spaces around it. What is remembered is bounded by it."""

_MAX_REMEMBERED = 4096
"""Entries whose address is known without another look."""

_WITH_PORT = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:]*))(?::\d{1,5})?", re.ASCII)
"""`192.0.2.1:5678`, `[2001:db8::1]:5678`, or either without a port; no IPv6 address without brackets."""


class TrustedProxies(ProxyHeadersMiddleware):
    """Takes the client's address and scheme from proxies in these networks.

    uvicorn's takes any text for an address, and thousands of entries, each of a trusted network, would keep it busy for
    50 ms. The method that finds the address is replaced on `trusted_hosts`; uvicorn documents neither.
    """

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        trusted = [*networks, *filter(None, map(_mapped_to_ipv6, networks))]
        super().__init__(app, trusted_hosts=trusted)  # type: ignore[arg-type]
        self.trusted_hosts.get_trusted_client_address = self._client_of  # type: ignore[method-assign]

    def _client_of(self, x_forwarded_for: str) -> tuple[str, int]:
        """The right-most address that is no trusted proxy's, or else the farthest proxy; without one, the empty string.

        What is no address ends the search: whoever wrote it did not tell who was before.
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
    """The address of an entry of X-Forwarded-For, in its usual form; None if it is none, as RFC 7239's `unknown`.

    It may have a port. A zone is left out, for only the proxy's machine knows what it means.
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
    """Gives those who connect by the socket file, and have no address, a name for the log and for TRUSTED_PROXIES."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = (UNIX_PEER, 0)
        await self._app(scope, receive, send)


def _mapped_to_ipv6(network: str) -> str | None:
    """What an IPv4 network's addresses look like to a socket that takes both kinds (RFC 4291 §2.5.5.2)."""
    if network == UNIX_PEER:
        return None
    parsed = ipaddress.ip_network(network)
    return f"::ffff:{parsed.network_address}/{96 + parsed.prefixlen}" if parsed.version == 4 else None  # noqa: PLR2004
