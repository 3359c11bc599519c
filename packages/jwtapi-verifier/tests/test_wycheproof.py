"""The vectors in tests/vectors/wycheproof, which has a README."""

import json
from pathlib import Path
from typing import Any

import pytest

from jwtapi_verifier import InvalidToken, jws, key_set

VECTORS = Path(__file__).parents[3] / "tests/vectors/wycheproof"


def groups(name: str) -> list[dict[str, Any]]:
    vectors: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / f"{name}.json").read_text())
    return vectors["groups"]


def outcome(text: str, *jwks: dict[str, Any]) -> str:
    """Check a signature as `AccessTokens` does. The vectors have no `typ`, and not all have a `kid`."""
    try:
        keys = key_set.parse(json.dumps({"keys": jwks}).encode())
        parts = jws.split(text)
        jws.decoded(parts.payload)
        header = jws.read_header(parts.header)
    except InvalidToken:
        return "invalid"
    except ValueError:
        return "unusable"
    key = keys.get(header["kid"]) if len(jwks) > 1 else next(iter(keys.values()))
    is_valid = key is not None and header.get("alg") == key.algorithm and key.has_signed(parts.signed, parts.signature)
    return "valid" if is_valid else "invalid"


@pytest.mark.parametrize(("name", "valid"), (("es256", 2), ("eddsa_rfc8037", 1), ("rs256", 8)))
def test_exactly_the_valid_signatures_are_accepted(name: str, valid: int) -> None:
    vectors = [(group["key"], test) for group in groups(name) for test in group["tests"]]
    judged = [(test, outcome(test["jws"], {"kid": "the key"} | key)) for key, test in vectors]
    assert [test for test, result in judged if result != test["expect"]] == []
    assert sum(result == "valid" for _, result in judged) == valid


@pytest.mark.parametrize("algorithm", ("ES256", "EdDSA", "RS256"))
def test_a_key_that_is_made_for_encryption_verifies_no_signature(algorithm: str) -> None:
    for group in groups("key_use"):
        for test in group["tests"]:
            assert outcome(test["jws"], {"kid": "the key"} | group["key"] | {"alg": algorithm}) == "unusable"


def test_a_secret_verifies_no_signature() -> None:
    for group in groups("hs256"):
        for test in group["tests"]:
            assert outcome(test["jws"], {"kid": "the key"} | group["key"]) == "unusable"


def test_a_bad_key_of_a_key_set_verifies_no_signature() -> None:
    # 1 is signed with a secret that has a good key beside it. 5 is good. 7 has a modulus that can be factored, because
    # the cards of one maker choose primes badly; the issuer does not choose them so.
    others = {1: "invalid", 5: "valid", 7: "valid"}
    for group in groups("key_sets"):
        for test in group["tests"]:
            assert outcome(test["jws"], *group["keys"]) == others.get(test["tcId"], "unusable"), test
