"""Key pairs that sign access tokens: ES256 and RS256 (RFC 7518), EdDSA (RFC 8037).

PyJWT makes and checks the signatures, and writes the JWK; cryptography makes and reads the keys. Both are
loaded only here, because an installation with HS256 needs neither, and they take 10 MB.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from pydantic_core import to_json

from jwtapi.security.encryption import Cipher, WrongSecret

RSA_BITS = 2048
MAX_RSA_BITS = 4096
"""A larger key would let each signature take tens of milliseconds, and its tokens would be too long for headers."""

_SMALLEST_EXPONENT = 65537
_BEGINNING = re.compile("-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
# Single hyphens are in the headers of an encrypted key, as in AES-256-CBC.
_PRIVATE_KEY = re.compile("-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(?:[^-]|-(?!-))+-----END \\1-----")
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


class UnusableKey(Exception):
    """The key cannot sign or verify tokens. The message states why, and never repeats the key."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyPair:
    """A key that verifies, and that signs if this process has its private half."""

    kid: str
    """The thumbprint (RFC 7638)."""
    algorithm: str
    public_jwk: Mapping[str, Any]
    """As published: with `kid`, `alg` and `use`."""
    _public: Any = field(repr=False)
    _private: Any = field(default=None, repr=False)

    @property
    def can_sign(self) -> bool:
        return self._private is not None

    def sign(self, data: bytes) -> bytes:
        return bytes(_library(self.algorithm).sign(data, self._private))

    def verify(self, data: bytes, signature: bytes) -> bool:
        return bool(_library(self.algorithm).verify(data, self._public, signature))

    def encrypted(self, secret: str) -> bytes:
        """Return the private key, for the database: AES-256-GCM under a key that HKDF derives from `secret`."""
        der = self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _cipher(secret).encrypt(der, bound_to=self.kid.encode())

    def is_encrypted_under(self, secret: str, encrypted: bytes) -> bool:
        """Return whether `encrypted` is this private key, encrypted under `secret`."""
        try:
            _cipher(secret).decrypt(encrypted, bound_to=self.kid.encode())
        except WrongSecret:
            return False
        return True


def new_key_pair(algorithm: str) -> KeyPair:
    """Make a key pair. For RS256 this takes up to a second."""
    match algorithm:
        case "ES256":
            return _key_pair(ec.generate_private_key(ec.SECP256R1()))
        case "EdDSA":
            return _key_pair(ed25519.Ed25519PrivateKey.generate())
        case _:
            return _key_pair(rsa.generate_private_key(_SMALLEST_EXPONENT, RSA_BITS))


def key_pairs_of_pem(text: str) -> list[KeyPair]:
    """Read the private keys of a text (PKCS#8, SEC 1 or PKCS#1, not encrypted). What stands around them is ignored.

    Raises:
        UnusableKey: there is none, or one of them is no such key, or is too weak.
    """
    text = text.replace("\\n", "\n")  # how a value of one line, as in .env, writes line ends
    found = [match[0] for match in _PRIVATE_KEY.finditer(text)]
    if not found or len(found) != len(_BEGINNING.findall(text)):
        raise UnusableKey("must be private keys in PEM, each from its line BEGIN to its line END")
    pairs = [_key_pair_of_pem(pem) for pem in found]
    if len({pair.kid for pair in pairs}) < len(pairs):
        raise UnusableKey("has the same key twice")
    return pairs


def _key_pair_of_pem(pem: str) -> KeyPair:
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise UnusableKey("the private key is encrypted; decrypt it, for example with: openssl pkey") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("not a private key in PEM") from None
    return _key_pair(private)


def decrypted_key_pair(kid: str, encrypted: bytes, secret: str) -> KeyPair:
    """Return the key pair whose private key was `encrypted`.

    Raises:
        WrongSecret: another secret encrypted it, or the bytes were changed.
    """
    der = _cipher(secret).decrypt(encrypted, bound_to=kid.encode())
    # The bytes are ours, so the check that takes RSA keys a tenth of a second is left out.
    return _key_pair(load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True))


def public_key_of(jwk: Mapping[str, Any]) -> KeyPair:
    """Return the key of a JWK from our own database. It verifies only, whatever other members the JWK has."""
    algorithm = jwk["alg"]
    public = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    return KeyPair(jwk["kid"], algorithm, jwk, _library(algorithm).from_jwk(public))


def _key_pair(private: Any) -> KeyPair:
    """Raises: UnusableKey."""
    match private:
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            algorithm = "ES256"
        case ed25519.Ed25519PrivateKey():
            algorithm = "EdDSA"
        case rsa.RSAPrivateKey():
            _check_rsa(private)
            algorithm = "RS256"
        case _:
            raise UnusableKey("must be a key on the curve P-256, an Ed25519 key, or an RSA key")
    public = private.public_key()
    members = _library(algorithm).to_jwk(public, as_dict=True)
    kid = _thumbprint(members)
    wanted = {name: members[name] for name in _THUMBPRINT_MEMBERS[members["kty"]]}
    jwk = wanted | {"kid": kid, "alg": algorithm, "use": "sig"}
    return KeyPair(kid, algorithm, jwk, public, private)


def _check_rsa(private: rsa.RSAPrivateKey) -> None:
    if not RSA_BITS <= private.key_size <= MAX_RSA_BITS:
        raise UnusableKey(f"an RSA key must have {RSA_BITS} to {MAX_RSA_BITS} bits")
    if private.public_key().public_numbers().e < _SMALLEST_EXPONENT:
        raise UnusableKey(f"the exponent of an RSA key must be {_SMALLEST_EXPONENT} or more")


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 §3: the members in the order of their names, without spaces."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    return urlsafe_b64encode(sha256(to_json(members)).digest()).decode().rstrip("=")


def _library(algorithm: str) -> Any:
    return jwt.get_algorithm_by_name(algorithm)


def _cipher(secret: str) -> Cipher:
    return Cipher(secret, b"jwtapi signing keys")
