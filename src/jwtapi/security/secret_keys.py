"""Secrets that sign and verify with HS256 (RFC 7518 §3.2)."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class SecretKey:
    secret: bytes = field(repr=False)
    algorithm: str = "HS256"
    kid: None = None
    """Tokens do not name a secret: an identifier made from it would help to guess it."""

    def sign(self, data: bytes) -> bytes:
        return hmac.digest(self.secret, data, "sha256")

    def verify(self, data: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(data), signature)


class SecretKeys:
    """A secret that signs and verifies, and perhaps the previous one, which only verifies."""

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        self._keys = [SecretKey(each) for each in (secret, previous) if each is not None]

    @classmethod
    def of(cls, secret: str, previous: str | None) -> Self:
        return cls(secret.encode(), previous.encode() if previous is not None else None)

    def signing_key(self) -> SecretKey:
        return self._keys[0]

    def verifying_keys(self, kid: str | None) -> Sequence[SecretKey]:
        return self._keys if kid is None else ()
