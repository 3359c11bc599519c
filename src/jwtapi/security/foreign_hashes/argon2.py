"""argon2id and argon2i in PHC notation (RFC 9106, version 1.3), alone or with the prefixes of Django and LDAP."""

from dataclasses import dataclass, field

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe
from jwtapi.security.foreign_hashes.encoding import exactly, read_base64, read_numbers, write_base64
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed, Unsupported

MAX_MEMORY = 100 * 1024
"""KiB. It is what Django takes."""

MAX_PASSES = 10
MAX_LANES = 16

_LITTLE_WORK = 4 * 1024
"""KiB that all passes fill together."""

_MIN_SALT = 8
_VERSION = "v=19"


@dataclass(frozen=True, slots=True)
class Argon2(Recipe):
    kind: str
    """`argon2id` or `argon2i`."""
    memory: int
    """KiB."""
    passes: int
    lanes: int
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        if self.passes < 1 or self.lanes < 1 or self.memory < 8 * self.lanes or len(self.salt) < _MIN_SALT:
            raise Malformed("argon2 needs at least a pass, a lane, 8 KiB for each lane, and a salt of 8 bytes")
        if self.memory > MAX_MEMORY:
            raise CostTooHigh(f"argon2 needs more than {MAX_MEMORY // 1024} MiB of memory")
        if self.passes > MAX_PASSES or self.lanes > MAX_LANES:
            raise CostTooHigh(f"argon2 has more than {MAX_PASSES} passes or {MAX_LANES} lanes")

    @property
    def setting(self) -> str:
        parameters = f"m={self.memory},t={self.passes},p={self.lanes}"
        return f"${self.kind}${_VERSION}${parameters}${write_base64(self.salt)}"

    @property
    def is_fast(self) -> bool:
        return self.memory * self.passes < _LITTLE_WORK

    def derive(self, secret: bytes, size: int) -> bytes:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  loaded when used
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2i, Argon2id  # noqa: PLC0415

        kind = Argon2id if self.kind == "argon2id" else Argon2i
        try:
            made = kind(
                salt=self.salt, length=size, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory
            ).derive(secret)
        except UnsupportedAlgorithm:
            raise Unsupported("the OpenSSL of this installation has no argon2") from None
        return bytes(made)


def read_recipe(name: str, fields: list[str]) -> Argon2:
    """Read `$argon2id$v=19$m=65536,t=3,p=4$SALT`."""
    version, parameters, salt = exactly(fields, 3)
    if version != _VERSION:
        raise Malformed("only version 1.3 of argon2 is known (v=19)")
    memory, passes, lanes = read_numbers(parameters, "m", "t", "p")
    return Argon2(name, memory, passes, lanes, read_base64(salt))


def read_keycloak(  # noqa: PLR0913, PLR0917  a credential has them all
    kind: str, memory: int, passes: int, lanes: int, salt: bytes, digest: bytes
) -> DigestHash:
    """Read the parts of a credential of Keycloak, whose `type` is `id` or `i`."""
    if kind not in {"id", "i"}:
        raise Malformed("of argon2, argon2id and argon2i are known")
    return DigestHash(Argon2(f"argon2{kind}", memory, passes, lanes, salt), digest)
