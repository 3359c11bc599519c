"""Keys and tokens as jwtapi makes them, and as attackers do."""

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "https://orders.example"
SESSION = "5f0c1e9d-7a3b-48c6-925e-4d8b1f7063ac"
ALICE = "2160f433-e786-44de-a783-4e72ba1a8124"
REMOVED: Any = object()
"""The value of a claim that a token does not have."""


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class SigningKey:
    kid: str
    algorithm: str
    private: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key, as jwtapi publishes it."""
        members = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        members.pop("key_ops", None)
        return members | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, signed: bytes) -> bytes:
        signature: bytes = jwt.get_algorithm_by_name(self.algorithm).sign(signed, self.private)
        return signature

    def token_of(self, header: bytes, payload: bytes) -> str:
        """Return a token with a right signature, whatever is in it."""
        signed = f"{encoded(header)}.{encoded(payload)}"
        return f"{signed}.{encoded(self.sign(signed.encode()))}"


@cache
def _private_key(algorithm: str, number: int) -> Any:
    assert number < 10
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, 2048)


def signing_key(algorithm: str = "ES256", kid: str = "first", number: int = 0) -> SigningKey:
    """Return a key. Keys of the same algorithm and number are the same."""
    return SigningKey(kid, algorithm, _private_key(algorithm, number))


@dataclass(frozen=True)
class TokenMaker:
    issuer: str
    audience: str = AUDIENCE

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": ALICE,
            "aud": self.audience,
            "client_id": "jwtapi",
            "username": "alice",
            "sid": SESSION,
            "gen": 3,
            "jti": "one",
            "iat": now,
            "exp": now + 900,
            "auth_time": now - 60,
            "amr": ["pwd"],
            "roles": ["staff", "admin"],
        }
        return {name: value for name, value in (claims | changed).items() if value is not REMOVED}

    def of_a_service(self, key: SigningKey, client_id: str = "orders", **changed: Any) -> str:
        """A token that a client got for itself."""
        of_users = dict.fromkeys(("username", "sid", "gen", "auth_time", "amr", "roles"), REMOVED)
        return self.token(key, **of_users | {"sub": client_id, "client_id": client_id, "scope": "introspect"} | changed)

    def token(self, key: SigningKey, *, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A token, with changed members of the header and changed claims."""
        members = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid} | (header or {})
        members = {name: value for name, value in members.items() if value is not REMOVED}
        return key.token_of(json.dumps(members).encode(), json.dumps(self.claims(**changed)).encode())
