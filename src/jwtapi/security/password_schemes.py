"""Recognises by its prefix whether a password can be checked against a stored hash, and names the other kinds.

Users that were imported may have hashes of other kinds. Nobody can sign in with them, so the log and `jwtapi doctor`
report them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from passlib.context import CryptContext
from passlib.utils.handlers import PrefixWrapper

OWN = "bcrypt_sha256"

BCRYPT_BYTES = 72
"""bcrypt uses only so many bytes of a password. Most libraries ignore the rest silently."""

_BCRYPTS = ("bcrypt", "django_bcrypt", "ldap_bcrypt", PrefixWrapper("spring_bcrypt", "bcrypt", "{bcrypt}", ident=True))
_WITH_SHA256 = ("django_bcrypt_sha256",)

_MIN_ROUNDS, _MAX_ROUNDS = 4, 16
"""Bounds on the cost: an imported hash must not block a thread for minutes."""

_COSTS = range(_MIN_ROUNDS, _MAX_ROUNDS + 1)
_BCRYPT_PREFIXES = ("", "bcrypt$", "{CRYPT}", "{bcrypt}", "bcrypt_sha256$")

KNOWN = (
    *(f"$bcrypt-sha256$v=2,t=2b,r={cost}$" for cost in _COSTS),
    *(f"$bcrypt-sha256${kind},{cost}$" for kind in ("2a", "2b") for cost in _COSTS),  # passlib before 1.7.3
    *(f"{prefix}${kind}${cost:02}$" for prefix in _BCRYPT_PREFIXES for kind in ("2a", "2b", "2y") for cost in _COSTS),
)
"""The prefixes of all hashes that a password can be checked against."""

UNKNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "argon2": ("$argon2", "argon2$", "{argon2}", "{ARGON2}"),
        "bcrypt of another kind or cost": ("$2", "bcrypt", "$bcrypt", "{bcrypt}", "{BCRYPT}", "{CRYPT}$2"),
        "crypt": ("$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$", "$sha1$", "{CRYPT}", "{crypt}"),
        "pbkdf2": ("$pbkdf2", "pbkdf2", "{pbkdf2}", "{PBKDF2"),
        "phpass": ("$P$", "$H$", "$wp$"),
        "scrypt": ("$scrypt$", "scrypt", "$s0$", "$s1$", "{scrypt}"),
        "sha or md5": ("sha1$", "sha256$", "md5$", "{SHA", "{SSHA", "{MD5}", "{SMD5}"),
    }
)
"""The prefixes of other hashes, by the name of their kind. No part of a stored text is ever shown, because it may be a
password that was stored without hashing."""


def new_context(rounds: int) -> CryptContext:
    """Return a context that verifies all schemes of KNOWN, and makes new hashes with OWN and so many rounds."""
    return CryptContext(
        schemes=[OWN, *_BCRYPTS, *_WITH_SHA256], default=OWN, deprecated="auto", bcrypt_sha256__rounds=rounds
    )


def is_known(password_hash: str) -> bool:
    return password_hash.startswith(KNOWN)


def cuts_passwords(password_hash: str) -> bool:
    """Return whether a known hash may be one of only the first BCRYPT_BYTES of the password."""
    return not password_hash.startswith(("$bcrypt-sha256$", "bcrypt_sha256$"))


def name_of(password_hash: str) -> str:
    """Return the name of the kind of a hash that no password can be checked against."""
    if is_known(password_hash):
        return "bcrypt, damaged"
    return next((name for name, prefixes in UNKNOWN.items() if password_hash.startswith(prefixes)), "another")
