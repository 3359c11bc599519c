"""PBKDF2 in the notations of passlib, PHC, Django, Werkzeug, LDAP, Keycloak and ASP.NET Core Identity."""

import hashlib
from dataclasses import dataclass, field

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe
from jwtapi.security.foreign_hashes.encoding import exactly, read_base64, read_hex, read_number, split, write_base64
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed

MAX_ROUNDS = 2_000_000

_FEW_ROUNDS = 1000

NAMES = {"pbkdf2": "sha1", "pbkdf2-sha1": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
"""The digest of each name in the notation of passlib and PHC."""

_OF_ASPNET = {0: "sha1", 1: "sha256", 2: "sha512"}
"""The digest of each `KeyDerivationPrf`."""


@dataclass(frozen=True, slots=True)
class Pbkdf2(Recipe):
    digest: str
    rounds: int
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        if self.rounds < 1:
            raise Malformed("PBKDF2 has no rounds")
        if self.rounds > MAX_ROUNDS:
            raise CostTooHigh(f"PBKDF2 has more than {MAX_ROUNDS:,} rounds")

    @property
    def setting(self) -> str:
        return f"$pbkdf2-{self.digest}${self.rounds}${write_base64(self.salt)}"

    @property
    def is_fast(self) -> bool:
        return self.rounds < _FEW_ROUNDS

    def derive(self, secret: bytes, size: int) -> bytes:
        return hashlib.pbkdf2_hmac(self.digest, secret, self.salt, self.rounds, size)

    def read_digest(self, text: str) -> bytes:
        return first_block(self.digest, read_base64(text))


def read_recipe(name: str, fields: list[str]) -> Pbkdf2:
    """Read `$pbkdf2-sha256$600000$SALT` of passlib, or `$pbkdf2-sha256$i=600000,l=32$SALT` of PHC."""
    rounds, salt = exactly(fields, 2)
    if rounds.startswith("i="):
        rounds = rounds.removeprefix("i=").partition(",l=")[0]
    return Pbkdf2(NAMES[name], read_number(rounds), read_base64(salt))


def read_django(text: str) -> DigestHash:
    """Read `pbkdf2_sha256$600000$SALT$DIGEST`. The salt is text."""
    name, rounds, salt, digest = split(text, "$", 4)
    return _whole(name.removeprefix("pbkdf2_"), read_number(rounds), salt.encode(), read_base64(digest))


def read_werkzeug(text: str) -> DigestHash:
    """Read `pbkdf2:sha256:600000$SALT$DIGEST`. The salt is text, and the digest is hexadecimal."""
    method, salt, digest = split(text, "$", 3)
    _, name, rounds = split(method, ":", 3)
    return _whole(name, read_number(rounds), salt.encode(), read_hex(digest))


def read_ldap(text: str) -> DigestHash:
    """Read `{PBKDF2-SHA256}600000$SALT$DIGEST`."""
    name, _, rest = text.removeprefix("{").partition("}")
    rounds, salt, digest = split(rest, "$", 3)
    return _whole(NAMES.get(name.lower(), ""), read_number(rounds), read_base64(salt), read_base64(digest))


def read_keycloak(algorithm: str, rounds: int, salt: bytes, digest: bytes) -> DigestHash:
    """Read the parts of a credential of Keycloak, whose `algorithm` is `pbkdf2`, `pbkdf2-sha256` or `pbkdf2-sha512`."""
    return _whole(NAMES[algorithm], rounds, salt, digest)


def read_aspnet(text: str) -> DigestHash:
    """Read base64 of ASP.NET Core Identity: version 3, or version 2, which is PBKDF2-SHA1 with 1,000 rounds."""
    value = read_base64(text)
    if value[:1] == b"\0" and len(value) == 1 + 16 + 32:
        return _whole("sha1", 1000, value[1:17], value[17:])
    if value[:1] != b"\x01" or len(value) < 1 + 12:
        raise Malformed("it is no hash of ASP.NET Core Identity, version 2 or 3")
    function, rounds, salt_size = (int.from_bytes(value[at : at + 4]) for at in (1, 5, 9))
    return _whole(_OF_ASPNET.get(function, ""), rounds, value[13 : 13 + salt_size], value[13 + salt_size :])


def first_block(digest: str, value: bytes) -> bytes:
    """Return the part of a digest that PBKDF2 computes first. It is as hard to find a password for as the whole.

    A longer digest would make each check take a multiple of the rounds.
    """
    return value[: hashlib.new(digest).digest_size]


def _whole(digest: str, rounds: int, salt: bytes, value: bytes) -> DigestHash:
    if digest not in NAMES.values():
        raise Malformed("PBKDF2 is known with SHA-1, SHA-256 and SHA-512")
    return DigestHash(Pbkdf2(digest, rounds, salt), first_block(digest, value))
