import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jwtapi_verifier import key_set
from made_tokens import SigningKey, encoded, signing_key

EC = signing_key("ES256", "ec").jwk
OKP = signing_key("EdDSA", "okp").jwk
RSA = signing_key("RS256", "rsa").jwk


def parsed(*jwks: Any) -> set[str]:
    return set(key_set.parse(json.dumps({"keys": jwks}).encode()))


def rsa_jwk(bits: int, exponent: int = 65537) -> dict[str, Any]:
    return SigningKey("weak", "RS256", rsa.generate_private_key(exponent, bits)).jwk


def with_exponent(exponent: int) -> dict[str, Any]:
    return RSA | {"kid": "weak", "e": encoded(exponent.to_bytes((exponent.bit_length() + 7) // 8 or 1))}


def test_keys_of_all_algorithms_are_usable() -> None:
    assert parsed(EC, OKP, RSA) == {"ec", "okp", "rsa"}


UNUSABLE: dict[str, Any] = {
    "no object": None,
    "a text": "a key",
    "a list": [],
    "empty": {},
    "no kid": EC | {"kid": None},
    "empty kid": EC | {"kid": ""},
    "long kid": EC | {"kid": "k" * 257},
    "private EC": EC | {"d": "AAAA"},
    "private OKP": OKP | {"d": None},
    "private RSA": RSA | {"p": "AQAB"},
    "a secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
    "none": EC | {"alg": "none"},
    "HS256": EC | {"alg": "HS256"},
    "ES384": EC | {"alg": "ES384"},
    "EC for RS256": EC | {"alg": "RS256"},
    "list of algorithms": EC | {"alg": ["ES256"]},
    "no algorithm": {name: value for name, value in EC.items() if name != "alg"},
    "Ed25519": OKP | {"alg": "Ed25519"},
    "Ed448": OKP | {"crv": "Ed448"},
    "X25519": OKP | {"crv": "X25519"},
    "short OKP": OKP | {"x": encoded(bytes(31))},
    "PS256": RSA | {"alg": "PS256"},
    "for encryption": EC | {"use": "enc"},
    "operation encrypt": EC | {"key_ops": ["encrypt"]},
    "operation sign": EC | {"key_ops": ["sign", "verify"]},
    "another curve by name": EC | {"crv": "P-384"},
    "another curve": SigningKey("x", "ES256", ec.generate_private_key(ec.SECP384R1())).jwk,
    "not on the curve": EC | {"y": EC["x"]},
    "y is 0": EC | {"y": encoded(bytes(32))},
    "padding": EC | {"x": EC["x"] + "="},
    "other letters": EC | {"x": EC["x"] + "é"},
    "other alphabet": EC | {"x": EC["x"][:-1] + "/"},
    "x is a number": EC | {"x": 7},
    "x is empty": EC | {"x": ""},
    "RSA 1024": rsa_jwk(1024),
    "RSA 2047": rsa_jwk(2047),
    "exponent 3": rsa_jwk(2048, 3),
    "exponent 0": with_exponent(0),
    "exponent 1": with_exponent(1),
    "exponent 65536": with_exponent(65536),
    "exponent 65538": with_exponent(65538),
    "RSA 8200": RSA | {"n": encoded(b"\xff" * 1025)},
    "n is empty": RSA | {"n": ""},
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_key_is_left_out_and_the_others_are_used(name: str, caplog: pytest.LogCaptureFixture) -> None:
    jwk = UNUSABLE[name]
    other = signing_key("ES256", "another", 1).jwk
    with caplog.at_level(logging.WARNING, "jwtapi_verifier"):
        assert parsed(jwk, other) == {"another"}
    assert caplog.messages[0].startswith("Key 0 of the key set is not used: ")
    with pytest.raises(ValueError, match="no usable key"):
        parsed(jwk)


def test_keys_with_the_same_kid_are_all_left_out() -> None:
    same = signing_key("EdDSA", "ec").jwk
    assert parsed(EC, OKP, same) == {"okp"}
    assert parsed(EC, OKP, same | {"alg": "none"}) == {"okp"}


@pytest.mark.parametrize(
    "document",
    (
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [], "keys": []}',
        json.dumps({"keys": [EC]}).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps({"keys": [EC]}).encode(),
        json.dumps({"keys": [EC | {"kid": str(number)} for number in range(101)]}).encode(),
        b'{"keys":' + b"[" * 100_000,
    ),
    ids=(
        "empty",
        "HTML",
        "null",
        "list",
        "no keys",
        "object",
        "empty list",
        "twice",
        "UTF-16",
        "mark",
        "101 keys",
        "deep",
    ),
)
def test_a_document_that_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*EC)"):
        key_set.parse(document)


def test_a_hundred_keys_are_usable() -> None:
    assert len(parsed(*(EC | {"kid": str(number)} for number in range(100)))) == 100


def test_a_key_set_may_have_members_that_are_unknown() -> None:
    assert parsed(EC | {"x5t": "abc", "ext": True, "iat": 7})
