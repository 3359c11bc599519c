"""bcrypt of other systems: alone, with a prefix (Django, Spring, LDAP), or above a digest (Django, WordPress)."""

import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from passlib.hash import bcrypt, bcrypt_sha256

from jwtapi.security.foreign_hashes.encoding import spellings_of_wordpress
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed

BYTES = 72
"""bcrypt uses only so many bytes of a password. Most libraries ignore the rest silently."""

MIN_COST, MAX_COST = 4, 16

_WHOLE = re.compile(r"\$(2[aby])\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
OWN_PREFIX = "$bcrypt-sha256$"

_OWN = re.compile(
    r"\$bcrypt-sha256\$(?:v=2,t=2b,r=([1-9][0-9]?)|2[ab],([1-9][0-9]?))\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}", re.ASCII
)


def _cut(secret: bytes) -> Sequence[bytes]:
    """Cut the password as the libraries did that made these hashes: at a zero byte, and after 72 bytes."""
    return (secret.partition(b"\0")[0][:BYTES],)


def _of_django(secret: bytes) -> Sequence[bytes]:
    return (binascii.hexlify(hashlib.sha256(secret).digest()),)


def _of_wordpress(secret: bytes) -> Sequence[bytes]:
    digests = (hmac.digest(b"wp-sha384", each, "sha384") for each in spellings_of_wordpress(secret))
    return [binascii.b2a_base64(digest, newline=False) for digest in digests]


PREFIXES: Mapping[str, Callable[[bytes], Sequence[bytes]]] = MappingProxyType(
    {
        "$2": _cut,
        "bcrypt$": _cut,
        "{bcrypt}": _cut,
        "{CRYPT}$2": _cut,
        "bcrypt_sha256$": _of_django,
        "$wp$2": _of_wordpress,
    }
)
"""What comes before the hash, and what each system makes of a password before bcrypt.

Of several texts, one must match.
"""


@dataclass(frozen=True, slots=True)
class BcryptHash:
    text: str = field(repr=False)
    _hash: str = field(repr=False)
    _prepare: Callable[[bytes], Sequence[bytes]] = field(repr=False)

    def matches(self, secret: bytes) -> bool:
        return any(bcrypt.verify(each, self._hash) for each in self._prepare(secret))


@dataclass(frozen=True, slots=True)
class OwnHash:
    """jwtapi's own scheme."""

    text: str = field(repr=False)

    def matches(self, secret: bytes) -> bool:
        return bool(bcrypt_sha256.verify(secret, self.text))


def read(text: str) -> BcryptHash:
    """Read a hash that begins with one of PREFIXES.

    Raises:
        Malformed: it is no whole hash of the kinds 2a, 2b and 2y.
        CostTooHigh: its cost is over MAX_COST.
    """
    prefix, prepare = next((each, prepare) for each, prepare in PREFIXES.items() if text.startswith(each))
    rest = text.removeprefix(prefix.removesuffix("$2"))
    if rest.startswith(("$2$", "$2x$")):
        raise Malformed("of bcrypt, only the kinds 2a, 2b and 2y are known: others come from faulty programs")
    found = _WHOLE.fullmatch(rest)
    if found is None:
        raise Malformed("it is no whole bcrypt hash")
    check_cost(int(found[2]))
    return BcryptHash(text, rest, prepare)


def read_own(text: str) -> "OwnHash":
    """Read passlib's `bcrypt_sha256`, also as it was before passlib 1.7.3.

    Raises:
        Malformed, CostTooHigh: as `read`.
    """
    found = _OWN.fullmatch(text)
    if found is None:
        raise Malformed("it is no whole bcrypt_sha256 hash")
    check_cost(int(found[1] or found[2]))
    return OwnHash(text)


def check_cost(cost: int) -> None:
    """Check a cost of bcrypt.

    Raises:
        Malformed, CostTooHigh: it is below MIN_COST, or over MAX_COST.
    """
    if cost > MAX_COST:
        raise CostTooHigh(f"bcrypt has a cost over {MAX_COST}")
    if cost < MIN_COST:
        raise Malformed(f"bcrypt has a cost below {MIN_COST}")
