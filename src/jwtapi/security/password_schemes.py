"""Our own scheme, and what can be said of a stored hash without a password.

Users that were imported may have hashes of other systems; `foreign_hashes` reads them. Nobody can sign in with a hash
that it refuses, so the log and `jwtapi doctor` report these.
"""

from collections.abc import Mapping
from types import MappingProxyType

from passlib.context import CryptContext

from jwtapi.security.foreign_hashes.bcrypts import MAX_COST, MIN_COST, OWN_PREFIX
from jwtapi.security.foreign_hashes.errors import RefusedHash
from jwtapi.security.foreign_hashes.reading import SLOW, read_stored

OWN = "bcrypt_sha256"

_COSTS = range(MIN_COST, MAX_COST + 1)

OWN_PREFIXES = (
    *(f"{OWN_PREFIX}v=2,t=2b,r={cost}$" for cost in _COSTS),
    *(f"{OWN_PREFIX}{kind},{cost}$" for kind in ("2a", "2b") for cost in _COSTS),  # passlib before 1.7.3
)
"""The prefixes of hashes of our own scheme, with every cost that a check may have."""

_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "argon2": ("$argon2", "argon2$", "{argon2}", "{ARGON2}"),
        "bcrypt": ("$2", "bcrypt", "$bcrypt", "{bcrypt}", "{BCRYPT}", "{CRYPT}$2", "$wp$2"),
        "crypt": ("$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$", "$sha1$", "{CRYPT}", "{crypt}"),
        "firebase": ("$firebase-scrypt$",),
        "pbkdf2": ("$pbkdf2", "pbkdf2", "{pbkdf2}", "{PBKDF2"),
        "phpass": ("$P$", "$H$", "$wp$"),
        "scrypt": ("$scrypt$", "scrypt", "$s0$", "$s1$", "{scrypt}"),
        "sha or md5": ("sha1$", "sha256$", "md5$", "{SHA", "{SSHA", "{MD5}", "{SMD5}"),
        "wrapped": ("$wrapped$",),
    }
)
"""The prefixes of each kind. No part of a stored text is ever shown, because it may be a password that was stored
without hashing."""


def new_context(rounds: int) -> CryptContext:
    """Return a context that makes and verifies hashes with OWN, and so many rounds."""
    return CryptContext(schemes=[OWN], deprecated="auto", bcrypt_sha256__rounds=rounds)


def is_own(stored: str) -> bool:
    return stored.startswith(OWN_PREFIXES)


def kind_of_unusable(stored: str) -> str | None:
    """Return the name of the kind of a hash that no password can be checked against, or None if one can be."""
    if is_own(stored):
        return None
    try:
        read_stored(stored)
    except RefusedHash:
        return kind_of(stored)
    return None


def kind_of(stored: str) -> str:
    """Return the name of the kind of a hash that cannot be checked, and whether the server knows its scheme."""
    name = next((name for name, prefixes in _KINDS.items() if stored.startswith(prefixes)), "another")
    known = stored.startswith((OWN_PREFIX, *SLOW))
    return f"damaged or too costly {name}" if known else name
