"""scrypt in the notations of passlib, Kratos, Django and Werkzeug, and the variant of Firebase."""

import hashlib
from dataclasses import dataclass, field

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe
from jwtapi.security.foreign_hashes.encoding import (
    exactly,
    read_base64,
    read_hex,
    read_number,
    read_numbers,
    split,
    write_base64,
)
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed

MAX_MEMORY = 64 * 1024 * 1024
"""Bytes of the large buffer: 128 x N x r."""

MAX_WORK = 2**21
"""N x r x p: four times the work of a full buffer."""

_MAX_PARALLEL = 64 * 1024
"""128 x r x p, the bytes of the small buffer."""

_LITTLE_WORK = 2**13

_MAX_LOG = 31
"""passlib and PHC write the logarithm of N, and Kratos writes N itself under the same name."""

FIREBASE_DIGEST = 32
"""Bytes of the key stream that are kept: two blocks of AES."""


@dataclass(frozen=True, slots=True)
class Scrypt(Recipe):
    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        if self.n < 2 or self.n & (self.n - 1) or self.r < 1 or self.p < 1:  # noqa: PLR2004
            raise Malformed("N must be a power of two, and r and p at least 1")
        if self.n.bit_length() > 16 * self.r:  # RFC 7914: N is less than 2^(16 r), so OpenSSL computes no other
            raise Malformed("N must be less than two to the power of 16 r")
        if 128 * self.n * self.r > MAX_MEMORY:
            raise CostTooHigh(f"scrypt needs more than {MAX_MEMORY // 2**20} MiB of memory")
        if self._work > MAX_WORK or 128 * self.r * self.p > _MAX_PARALLEL:
            raise CostTooHigh("scrypt takes too long: N x r x p, or r x p, is too large")

    @property
    def setting(self) -> str:
        return f"$scrypt${self._parameters}${write_base64(self.salt)}"

    @property
    def is_fast(self) -> bool:
        return self._work < _LITTLE_WORK

    def derive(self, secret: bytes, size: int) -> bytes:
        # OpenSSL also counts the small buffers. Without `maxmem` it refuses more than 32 MiB.
        maxmem = MAX_MEMORY + 1024 * 1024
        return hashlib.scrypt(secret, salt=self.salt, n=self.n, r=self.r, p=self.p, maxmem=maxmem, dklen=size)

    @property
    def _work(self) -> int:
        return self.n * self.r * self.p

    @property
    def _parameters(self) -> str:
        return f"ln={self.n.bit_length() - 1},r={self.r},p={self.p}"


@dataclass(frozen=True, slots=True)
class FirebaseScrypt(Scrypt):
    """scrypt makes the key with which Firebase encrypts the signer key of the project. The result is its digest.

    AES in counter mode adds a key stream to what it encrypts. So the digest of Firebase, with the signer key taken away
    again, is that key stream. It is all that a check needs, and the signer key need not be stored.
    """

    @property
    def setting(self) -> str:
        return f"$firebase-scrypt${self._parameters}${write_base64(self.salt)}"

    def derive(self, secret: bytes, size: int) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415  loaded when used

        key = Scrypt.derive(self, secret, 32)
        return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(size))


def read_recipe(_: str, fields: list[str]) -> Scrypt:
    """Read `$scrypt$ln=15,r=8,p=1$SALT`."""
    return Scrypt(*_read_parameters(fields))


def read_firebase_recipe(_: str, fields: list[str]) -> FirebaseScrypt:
    """Read `$firebase-scrypt$ln=14,r=8,p=1$SALT`, with the separator at the end of the salt."""
    return FirebaseScrypt(*_read_parameters(fields))


def read_django(text: str) -> DigestHash:
    """Read `scrypt$N$SALT$R$P$DIGEST`. The salt is text."""
    _, n, salt, r, p, digest = split(text, "$", 6)
    return DigestHash(Scrypt(read_number(n), read_number(r), read_number(p), salt.encode()), read_base64(digest))


def read_werkzeug(text: str) -> DigestHash:
    """Read `scrypt:N:R:P$SALT$DIGEST`. The salt is text, and the digest is hexadecimal."""
    method, salt, digest = split(text, "$", 3)
    _, n, r, p = split(method, ":", 4)
    return DigestHash(Scrypt(read_number(n), read_number(r), read_number(p), salt.encode()), read_hex(digest))


def read_firebase(  # noqa: PLR0913  a project has them all
    digest: bytes, salt: bytes, *, separator: bytes, signer_key: bytes, rounds: int, mem_cost: int
) -> DigestHash:
    """Read what Firebase exports of a user, with the parameters of its project."""
    if len(digest) != len(signer_key) or len(digest) < FIREBASE_DIGEST:
        raise Malformed("the digest of Firebase is not as long as the signer key")
    stream = bytes(a ^ b for a, b in zip(digest, signer_key, strict=True))
    return DigestHash(FirebaseScrypt(2 ** _log(mem_cost), rounds, 1, salt + separator), stream[:FIREBASE_DIGEST])


def _read_parameters(fields: list[str]) -> tuple[int, int, int, bytes]:
    parameters, salt = exactly(fields, 2)
    n, r, p = read_numbers(parameters, "ln", "r", "p")
    return n if n > _MAX_LOG else 2**n, r, p, read_base64(salt)


def _log(value: int) -> int:
    if not 1 <= value <= _MAX_LOG:
        raise CostTooHigh(f"the memory cost is not between 1 and {_MAX_LOG}")
    return value
