"""Which stored hashes a password can be checked against, told by how they begin, and what the others are.

A hash that was brought from elsewhere may be none of them. Nobody can sign in with it, so somebody should be told.
"""

from collections.abc import Mapping
from types import MappingProxyType

from passlib.context import CryptContext
from passlib.utils.handlers import PrefixWrapper

OWN = "bcrypt_sha256"

BCRYPT_BYTES = 72
"""bcrypt knows no more of a password; most libraries cut it there without a word."""

_BCRYPTS = ("bcrypt", "django_bcrypt", "ldap_bcrypt", PrefixWrapper("spring_bcrypt", "bcrypt", "{bcrypt}", ident=True))
_WITH_SHA256 = ("django_bcrypt_sha256",)

_MIN_ROUNDS, _MAX_ROUNDS = 4, 16
"""A hash that somebody planted must not block a thread for minutes."""

_COSTS = range(_MIN_ROUNDS, _MAX_ROUNDS + 1)
_OPENINGS_OF_BCRYPT = ("", "bcrypt$", "{CRYPT}", "{bcrypt}", "bcrypt_sha256$")

KNOWN = (
    *(f"$bcrypt-sha256$v=2,t=2b,r={cost}$" for cost in _COSTS),
    *(f"$bcrypt-sha256${kind},{cost}$" for kind in ("2a", "2b") for cost in _COSTS),  # passlib before 1.7.3
    *(
        f"{opening}${kind}${cost:02}$"
        for opening in _OPENINGS_OF_BCRYPT
        for kind in ("2a", "2b", "2y")
        for cost in _COSTS
    ),
)
"""How every hash begins that a password can be checked against."""

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
"""How others begin, by the name that a person would give them. No part of a stored text is ever shown: it may be a
password that somebody stored as it was."""


def new_context(rounds: int) -> CryptContext:
    """The schemes of KNOWN, of which one makes the new hashes, with so many rounds."""
    return CryptContext(
        schemes=[OWN, *_BCRYPTS, *_WITH_SHA256], default=OWN, deprecated="auto", bcrypt_sha256__rounds=rounds
    )


def is_known(password_hash: str) -> bool:
    return password_hash.startswith(KNOWN)


def cuts_passwords(password_hash: str) -> bool:
    """Tell whether a hash that is known may be of the first BCRYPT_BYTES of a password only."""
    return not password_hash.startswith(("$bcrypt-sha256$", "bcrypt_sha256$"))


def name_of(password_hash: str) -> str:
    """What to call a hash that nothing can be checked against."""
    if is_known(password_hash):
        return "bcrypt, damaged"
    return next((name for name, beginnings in UNKNOWN.items() if password_hash.startswith(beginnings)), "another")
