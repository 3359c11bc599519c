"""Reads key sets (JWKS, RFC 7517)."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm

from jwtapi_verifier import strict_json
from jwtapi_verifier.errors import InvalidToken
from jwtapi_verifier.jws import decoded

MAX_KEYS = 100
MAX_KID_LENGTH = 256
_PUBLIC_MEMBERS = {
    "ES256": {"kty": "EC", "crv": "P-256", "x": None, "y": None},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519", "x": None},
    "RS256": {"kty": "RSA", "n": None, "e": None},
}
"""The members of the keys of each algorithm, and the values that an algorithm requires."""
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS = range(2048, 8193)

_log = logging.getLogger(__name__)


class VerificationKey(NamedTuple):
    """A public key. It is prepared once, because PyJWT would look at its kind at each use."""

    kid: str
    algorithm: str
    public_key: Any
    implementation: Algorithm

    def has_signed(self, signed: bytes, signature: bytes) -> bool:
        return self.implementation.verify(signed, self.public_key, signature)


def parse(document: bytes) -> Mapping[str, VerificationKey]:
    """Return the usable keys of a key set by their `kid`. The others are logged.

    Raises:
        ValueError: it is no key set, or has no usable key.
    """
    key_set = strict_json.loads(document)
    if not isinstance(key_set, dict) or not isinstance(jwks := key_set.get("keys"), list):
        raise ValueError("the answer is no key set")  # noqa: TRY004 - it is a value of the document
    if len(jwks) > MAX_KEYS:
        raise ValueError(f"the key set has more than {MAX_KEYS} keys")
    kids = Counter(jwk["kid"] for jwk in jwks if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str))
    keys = {}
    for position, jwk in enumerate(jwks):
        try:
            key = _key(jwk, kids)
        except ValueError as error:
            _log.warning("Key %d of the key set is not used: %s", position, error)
        else:
            keys[key.kid] = key
    if not keys:
        raise ValueError("the key set has no usable key")
    return keys


def _key(jwk: Any, kids: Counter[str]) -> VerificationKey:
    """Return the key of a JWK.

    Raises:
        ValueError: it is not usable. The message states why, and contains nothing of the key.
    """
    if not isinstance(jwk, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - it is a value of the document
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise ValueError("it has a private member, so it is known to others")
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise ValueError("it has no kid")
    if kids[kid] > 1:
        raise ValueError("another key has the same kid")
    if not isinstance(algorithm, str) or algorithm not in _PUBLIC_MEMBERS:
        raise ValueError("its algorithm is not ES256, EdDSA or RS256")
    if jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
        raise ValueError("it is not for verifying signatures")
    implementation = jwt.get_algorithm_by_name(algorithm)
    return VerificationKey(kid, algorithm, _public_key(jwk, algorithm, implementation), implementation)


def _public_key(jwk: dict[str, Any], algorithm: str, implementation: Algorithm) -> Any:
    members = _PUBLIC_MEMBERS[algorithm]
    for name, required in members.items():
        value = jwk.get(name)
        if not isinstance(value, str) or (required is not None and value != required):
            raise ValueError(f"it is no key for {algorithm}")
        if required is None:
            _refuse_other_spellings(value)
    try:
        key = implementation.from_jwk({name: jwk[name] for name in members})
    except (jwt.PyJWTError, ValueError):
        raise ValueError(f"it is no valid key for {algorithm}") from None
    # cryptography has refused even exponents.
    if isinstance(key, RSAPublicKey) and (key.key_size not in _RSA_BITS or key.public_numbers().e <= 2**16):
        raise ValueError("it is a weak or an oversized RSA key")
    return key


def _refuse_other_spellings(value: str) -> None:
    try:
        decoded(value.encode())
    except (InvalidToken, UnicodeEncodeError):
        raise ValueError("it is not in canonical base64url") from None
