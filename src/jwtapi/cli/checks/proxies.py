"""Checks that TRUSTED_PROXIES are only proxies."""

import ipaddress
from collections.abc import Iterable

from jwtapi.settings import UNIX_PEER

_LARGEST_NETWORK = 8
"""Bits of a prefix. No provider has a shorter prefix, or more addresses in all its networks together."""

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def trusts_whole_internet(networks: Iterable[str]) -> bool:
    """Return whether all networks together contain more of the Internet than one provider has."""
    parsed = [ipaddress.ip_network(network) for network in networks if network != UNIX_PEER]
    fours = [network for network in parsed if isinstance(network, ipaddress.IPv4Network)]
    sixes = [network for network in parsed if isinstance(network, ipaddress.IPv6Network)]
    fours += [_as_ipv4(network) for network in sixes if network.subnet_of(_MAPPED)]
    return any(
        _public_addresses(found) > 2 ** (bits - _LARGEST_NETWORK)
        for found, bits in ((ipaddress.collapse_addresses(fours), 32), (ipaddress.collapse_addresses(sixes), 128))
    )


def _public_addresses(networks: Iterable[ipaddress.IPv4Network] | Iterable[ipaddress.IPv6Network]) -> int:
    return sum(network.num_addresses for network in networks if not network.is_private)


def _as_ipv4(network: ipaddress.IPv6Network) -> ipaddress.IPv4Network:
    address = int(network.network_address) - int(_MAPPED.network_address)
    return ipaddress.IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
