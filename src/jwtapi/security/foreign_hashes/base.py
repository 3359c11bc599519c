"""What all hashes of other systems have in common."""

import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from jwtapi.security.foreign_hashes.encoding import MAX_SALT, read_base64, write_base64
from jwtapi.security.foreign_hashes.errors import Malformed

_MIN_DIGEST, _MAX_DIGEST = 16, 86
"""Bytes of a digest. A shorter one would match many passwords. The longest is the text of crypt with SHA-512."""


class StoredHash(Protocol):
    """A hash against which a password can be checked. Its cost is within the bounds."""

    @property
    def text(self) -> str:
        """Return the form that is stored."""
        ...

    def matches(self, secret: bytes) -> bool:
        """Return whether the password, in UTF-8, is right."""
        ...


class Recipe(ABC):
    """An algorithm with its parameters and the salt: how a password becomes a digest.

    A recipe with a cost over the bounds cannot be made: its constructor raises CostTooHigh.
    """

    max_secret: ClassVar[int] = 64 * 1024
    """Bytes of a password that can be right. The cost of some algorithms grows with its length."""

    salt: bytes

    def __post_init__(self) -> None:
        if len(self.salt) > MAX_SALT:
            raise Malformed(f"the salt has more than {MAX_SALT} bytes")

    @property
    @abstractmethod
    def setting(self) -> str:
        """Return the stored form without the digest, such as `$pbkdf2-sha256$600000$c2FsdA`."""

    @property
    @abstractmethod
    def is_fast(self) -> bool:
        """Return whether a stranger could try so many passwords that the digest must not be stored as it is."""

    def spellings(self, secret: bytes) -> Sequence[bytes]:
        """Return what the system may have hashed when its user typed this password."""
        return (secret,)

    @abstractmethod
    def derive(self, secret: bytes, size: int) -> bytes:
        """Return the first `size` bytes of the digest of the password."""

    def write(self, digest: bytes) -> str:
        return f"{self.setting}${self.write_digest(digest)}"

    def write_digest(self, digest: bytes) -> str:
        return write_base64(digest)

    def read_digest(self, text: str) -> bytes:
        return read_base64(text)


@dataclass(frozen=True, slots=True)
class DigestHash:
    """A recipe, and the digest that the right password has."""

    recipe: Recipe
    digest: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_size(len(self.digest))

    @property
    def text(self) -> str:
        return self.recipe.write(self.digest)

    def matches(self, secret: bytes) -> bool:
        return any(self._matches(each) for each in self.recipe.spellings(secret))

    def _matches(self, secret: bytes) -> bool:
        longest = self.recipe.max_secret
        derived = self.recipe.derive(secret[:longest], len(self.digest))
        return hmac.compare_digest(derived, self.digest) and len(secret) <= longest


def check_size(size: int) -> None:
    """Check the bytes of a digest, or the characters of one that is text.

    Raises:
        Malformed: they are too few or too many.
    """
    if not _MIN_DIGEST <= size <= _MAX_DIGEST:
        raise Malformed(f"the digest has fewer than {_MIN_DIGEST} or more than {_MAX_DIGEST} bytes")
