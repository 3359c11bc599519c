"""Key pairs: what they sign, how they are written, and which are refused."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import joserfc.jwk
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwtapi.security.encryption import WrongSecret
from jwtapi.security.key_pairs import (
    KeyPair,
    UnusableKey,
    decrypted_key_pair,
    key_pairs_of_pem,
    new_key_pair,
    public_key_of,
)

SECRET, OTHER = "s" * 32, "o" * 32
ALGORITHMS = ("ES256", "EdDSA", "RS256")
MEMBERS = {
    "ES256": {"kty", "crv", "x", "y", "kid", "alg", "use"},
    "EdDSA": {"kty", "crv", "x", "kid", "alg", "use"},
    "RS256": {"kty", "n", "e", "kid", "alg", "use"},
}


@pytest.fixture(scope="module", params=ALGORITHMS)
def pair(request: pytest.FixtureRequest) -> KeyPair:
    return new_key_pair(request.param)


def pem(
    private: Any,
    format_: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption = NoEncryption(),  # noqa: B008  it has no state
) -> str:
    return str(private.private_bytes(Encoding.PEM, format_, encryption).decode())


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def reason(text: str) -> str:
    with pytest.raises(UnusableKey) as refusal:
        key_pairs_of_pem(text)
    assert not [line for line in text.splitlines() if len(line) > 20 and line in str(refusal.value)]
    return str(refusal.value)


def test_the_published_key_has_exactly_the_public_members_and_the_thumbprint_as_its_kid(pair: KeyPair) -> None:
    jwk = dict(pair.public_jwk)
    assert jwk.keys() == MEMBERS[pair.algorithm]
    assert (jwk["alg"], jwk["use"]) == (pair.algorithm, "sig")
    assert jwk["kid"] == pair.kid == joserfc.jwk.import_key(jwk).thumbprint()
    required = {name: jwk[name] for name in jwk.keys() - {"kid", "alg", "use"}}
    text = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    assert pair.kid == urlsafe_b64encode(sha256(text).digest()).decode().rstrip("=")


def test_what_a_key_signs_its_public_half_verifies_and_nothing_else_does(pair: KeyPair) -> None:
    signature = pair.sign(b"data")
    public = public_key_of(pair.public_jwk)
    assert public.verify(b"data", signature)
    assert not public.verify(b"date", signature)
    assert not public.verify(b"data", signature[:-1] + bytes([signature[-1] ^ 1]))
    for broken in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not public.verify(b"data", broken)
    assert not new_key_pair(pair.algorithm).verify(b"data", signature)
    assert (pair.can_sign, public.can_sign) == (True, False)
    key: Any = jwt.PyJWK(dict(pair.public_jwk)).key
    assert jwt.get_algorithm_by_name(pair.algorithm).verify(b"data", key, signature)


def test_a_private_member_in_a_stored_jwk_is_not_read(pair: KeyPair) -> None:
    restored = public_key_of({**pair.public_jwk, "d": "AQAB", "oth": []})
    assert restored.verify(b"data", pair.sign(b"data"))


def test_an_encrypted_key_needs_its_secret_and_its_row(pair: KeyPair) -> None:
    encrypted = pair.encrypted(SECRET)
    restored = decrypted_key_pair(pair.kid, encrypted, SECRET)
    assert (restored.kid, restored.public_jwk) == (pair.kid, pair.public_jwk)
    assert pair.verify(b"data", restored.sign(b"data"))
    assert pair.encrypted(SECRET) != encrypted
    other = new_key_pair("ES256").kid
    for kid, stored, secret in (
        (pair.kid, encrypted, OTHER),
        (other, encrypted, SECRET),
        (pair.kid, encrypted[:-1] + bytes([encrypted[-1] ^ 1]), SECRET),
        (pair.kid, encrypted[:20], SECRET),
        (pair.kid, b"", SECRET),
    ):
        with pytest.raises(WrongSecret):
            decrypted_key_pair(kid, stored, secret)
    assert pair.is_encrypted_under(SECRET, encrypted)
    assert not pair.is_encrypted_under(OTHER, encrypted)


def test_no_form_in_which_a_key_is_shown_has_its_private_half(pair: KeyPair) -> None:
    restored = decrypted_key_pair(pair.kid, pair.encrypted(SECRET), SECRET)
    assert "private" not in repr(restored)
    assert "_public" not in repr(restored)


@pytest.mark.parametrize(
    ("text", "algorithm"),
    (
        (pem(p256()), "ES256"),
        (pem(p256(), PrivateFormat.TraditionalOpenSSL), "ES256"),
        ("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem(p256()), "ES256"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "EdDSA"),
        (pem(rsa.generate_private_key(65537, 2048)), "RS256"),
        (pem(rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL), "RS256"),
        (pem(p256()).replace("\n", "\r\n"), "ES256"),
        (pem(p256()).replace("\n", "\\n"), "ES256"),
    ),
)
def test_private_keys_are_read_in_every_usual_form(text: str, algorithm: str) -> None:
    (pair,) = key_pairs_of_pem(text)
    assert (pair.algorithm, pair.can_sign) == (algorithm, True)


def test_several_keys_keep_their_order() -> None:
    texts = [pem(p256()) for _ in range(3)]
    kids = [pair.kid for text in texts for pair in key_pairs_of_pem(text)]
    assert [pair.kid for pair in key_pairs_of_pem("# the keys\n" + "\n\n".join(texts))] == kids


def test_keys_that_are_weak_or_of_another_kind_are_refused_with_the_reason() -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  it is refused
    small_exponent = rsa.generate_private_key(3, 2048)
    for private in (ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())):
        assert "P-256" in reason(pem(private))
    assert "2048" in reason(pem(short))
    assert "exponent" in reason(pem(small_exponent))
    for format_ in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        assert "encrypted" in reason(pem(p256(), format_, BestAvailableEncryption(b"hunter2")))


def test_texts_without_a_whole_key_are_refused() -> None:
    whole = pem(p256())
    public = p256().public_key()
    lines = whole.splitlines()
    for text in (
        "",
        "hunter2",
        lines[1],
        "\n".join(lines[:-1]),
        whole + "\n".join(lines[:-1]),
        whole.replace("END PRIVATE KEY", "END EC PRIVATE KEY"),
    ):
        assert "must be private keys in PEM" in reason(text)
    assert "not a private key in PEM" in reason(whole.replace("MIG", "AAA"))
    assert "twice" in reason(whole + whole)
    assert "must be private keys" in reason(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
