"""Keeps a fast hash below a slow one, so that the fast one is not stored.

What is stored is the recipe of the fast hash, with its salt, and a `bcrypt_sha256` hash of its digest. That hash is
made from the fast one alone, at the import, when nobody types a password.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from passlib.hash import bcrypt_sha256

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe, check_size
from jwtapi.security.foreign_hashes.bcrypts import OwnHash, read_own
from jwtapi.security.foreign_hashes.encoding import read_number, write_base64
from jwtapi.security.foreign_hashes.errors import Malformed

PREFIX = "$wrapped$"

_OUTER = "$bcrypt-sha256$v=2,t=2b,r="


@dataclass(frozen=True, slots=True)
class WrappedHash:
    recipe: Recipe
    size: int
    """Bytes of the digest of the fast hash."""
    outer: OwnHash = field(repr=False)

    def __post_init__(self) -> None:
        check_size(self.size)
        if not self.recipe.is_fast:  # both costs would add up, and that of PBKDF2 grows with the size
            raise Malformed("only a fast hash is kept below another one")

    @property
    def text(self) -> str:
        return f"{PREFIX}{self.size}{self.recipe.setting}{self.outer.text}"

    def matches(self, secret: bytes) -> bool:
        return any(self._matches(each) for each in self.recipe.spellings(secret))

    def _matches(self, secret: bytes) -> bool:
        longest = self.recipe.max_secret
        derived = self.recipe.derive(secret[:longest], self.size)
        return self.outer.matches(write_base64(derived).encode()) and len(secret) <= longest


def wrap(fast: DigestHash, cost: int) -> WrappedHash:
    """Compute the slow hash. This takes as long as a login with this cost, and releases the interpreter lock."""
    outer = bcrypt_sha256.using(rounds=cost).hash(write_base64(fast.digest))
    return WrappedHash(fast.recipe, len(fast.digest), OwnHash(str(outer)))


def read(text: str, read_recipe: Callable[[str], Recipe]) -> WrappedHash:
    """Read what `WrappedHash.text` wrote.

    Raises:
        Malformed, CostTooHigh: as for every hash.
    """
    inner, found, rest = text.removeprefix(PREFIX).partition(_OUTER)
    size, separator, setting = inner.partition("$")
    if not found or not separator:
        raise Malformed("it is no whole wrapped hash")
    return WrappedHash(read_recipe(f"${setting}"), read_number(size), read_own(_OUTER + rest))
