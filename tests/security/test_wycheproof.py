"""Signatures that others made to be misjudged, against the keys of this server: see tests/vectors/wycheproof/README.md.

The server reads no key of others, so the vectors with whole key sets are only for the packages that check tokens.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jwtapi.security.key_pairs import public_key_of
from jwtapi.security.secret_keys import SecretKey
from jwtapi.security.signed_tokens import InvalidToken, Key, TokenSigner, _decoded

VECTORS = Path(__file__).parents[1] / "vectors/wycheproof"


@dataclass
class OnlyKey:
    """Finds one key for every `kid`, and keeps whether it has verified a signature."""

    key: Key
    has_verified: bool = False

    @property
    def algorithm(self) -> str:
        return self.key.algorithm

    @property
    def kid(self) -> str | None:
        return self.key.kid

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        self.has_verified = self.key.verify(data, signature)
        return self.has_verified

    def signing_key(self) -> Key:
        return self

    def verifying_keys(self, _: str | None) -> Sequence[Key]:
        return (self,)


def key_of(jwk: dict[str, Any]) -> Key:
    if jwk["kty"] == "oct":
        return SecretKey(urlsafe_b64decode(jwk["k"] + "=="))
    return public_key_of({"kid": "the key"} | jwk)


def is_accepted(jws: str, key: Key) -> bool:
    """Return whether the signature is right, and all three parts are read. The claims are no access token's."""
    only = OnlyKey(key)
    with suppress(InvalidToken):
        TokenSigner(only, None).decode(jws, now=datetime.now(UTC))  # type: ignore[arg-type]  # the vectors have no `typ`
    if not only.has_verified:
        return False
    try:
        _decoded(jws.split(".")[1].encode())
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("name", "valid"), (("hs256", 10), ("es256", 2), ("eddsa_rfc8037", 1), ("rs256", 8)))
def test_exactly_the_valid_signatures_are_accepted(name: str, valid: int) -> None:
    groups = json.loads((VECTORS / f"{name}.json").read_text())["groups"]
    judged = [
        (test, is_accepted(test["jws"], key))
        for group in groups
        for key in [key_of(group["key"])]
        for test in group["tests"]
    ]
    assert [test for test, accepted in judged if accepted != (test["expect"] == "valid")] == []
    assert sum(accepted for _, accepted in judged) == valid
