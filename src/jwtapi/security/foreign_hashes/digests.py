"""MD5 and SHA, salted or not: fast hashes, which are stored only below a slow one (see `wrapping`)."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal, get_args

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe
from jwtapi.security.foreign_hashes.encoding import exactly, read_base64, read_hex, split, write_base64
from jwtapi.security.foreign_hashes.errors import Malformed

Placing = Literal["before", "after"]
"""Where the salt stands: before the password, or after it."""

NAMES = ("md5", "sha1", "sha256", "sha512")

OF_LDAP = {
    "MD5": "md5",
    "SMD5": "md5",
    "SHA": "sha1",
    "SSHA": "sha1",
    "SHA256": "sha256",
    "SSHA256": "sha256",
    "SHA512": "sha512",
    "SSHA512": "sha512",
}

_PLACINGS: dict[bytes, Placing] = {b"{SALT}{PASSWORD}": "before", b"{PASSWORD}{SALT}": "after"}


@dataclass(frozen=True, slots=True)
class Salted(Recipe):
    name: str
    placing: Placing
    salt: bytes = field(repr=False)

    @property
    def setting(self) -> str:
        return f"${self.name}${self.placing}${write_base64(self.salt)}"

    @property
    def is_fast(self) -> bool:
        return True

    def derive(self, secret: bytes, size: int) -> bytes:
        salted = self.salt + secret if self.placing == "before" else secret + self.salt
        return hashlib.new(self.name, salted, usedforsecurity=False).digest()[:size]


def read_recipe(name: str, fields: list[str]) -> Salted:
    """Read `$sha1$before$SALT`."""
    placing, salt = exactly(fields, 2)
    found = next((each for each in get_args(Placing) if each == placing), None)
    if found is None:
        raise Malformed("the salt stands before or after the password")
    return Salted(name, found, read_base64(salt))


def read_plain(name: str, digest: str, salt: bytes, placing: Placing) -> DigestHash:
    """Read a digest in hexadecimal digits or in base64."""
    size = hashlib.new(name, usedforsecurity=False).digest_size
    value = read_hex(digest) if len(digest) == 2 * size else read_base64(digest)
    return _whole(name, placing, salt, value)


def read_django(text: str) -> DigestHash:
    """Read `md5$SALT$DIGEST` or `sha1$SALT$DIGEST`. The salt is text, and the digest is hexadecimal."""
    name, salt, digest = split(text, "$", 3)
    return _whole(name, "before", salt.encode(), read_hex(digest))


def read_ldap(text: str) -> DigestHash:
    """Read `{SSHA}` and its siblings: base64 of the digest, and after it the salt."""
    scheme, _, rest = text.removeprefix("{").partition("}")
    name = OF_LDAP[scheme.upper()]
    value = read_base64(rest)
    size = hashlib.new(name, usedforsecurity=False).digest_size
    if scheme.upper().startswith("SS") or scheme.upper() == "SMD5":
        return _whole(name, "after", value[size:], value[:size])
    return _whole(name, "after", b"", value)


def read_kratos(text: str) -> DigestHash:
    """Read `$sha256$pf=FORMAT$SALT$DIGEST`, or `$md5$DIGEST` without a salt."""
    _, name, *fields = text.split("$")
    if name == "md5" and len(fields) == 1:
        return _whole(name, "before", b"", read_base64(fields[0]))
    placing, salt, digest = exactly(fields, 3)
    if not placing.startswith("pf=") or (found := _PLACINGS.get(read_base64(placing[3:]))) is None:
        raise Malformed("only a salt directly before or after the password is known")
    return _whole(name, found, read_base64(salt), read_base64(digest))


def _whole(name: str, placing: Placing, salt: bytes, digest: bytes) -> DigestHash:
    if len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise Malformed("the digest is shorter or longer than those of its algorithm")
    return DigestHash(Salted(name, placing, salt), digest)
