"""Finds the network of a client. The limits on addresses count all requests of a network together."""

import ipaddress
from functools import lru_cache

from fastapi import Request


def network_of(request: Request) -> str:
    """Return the IPv4 address, or the /64 network of an IPv6 address. Providers assign one of them to a subscriber."""
    client = request.scope.get("client")
    return _network_of(client[0] if client else "")


@lru_cache(maxsize=1024)  # each request needs it twice
def _network_of(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
