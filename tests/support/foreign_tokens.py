"""Access tokens for programs that check them: a good one of a real server, and those that each program must refuse."""

import base64
import hmac
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwtapi.security.key_pairs import KeyPair, decrypted_key_pair, new_key_pair
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.server import Server, free_port

AUDIENCE = "https://orders.example.com"


def issuing_server(folder: Path, algorithm: str, **settings: str) -> Server:
    """Make a server whose issuer is its own address. It is not started."""
    port = str(free_port())
    ours = {
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TOKEN_AUDIENCE": AUDIENCE,
        "SIGNING_ALGORITHM": algorithm,
        "JWT_SECRET": JWT_SECRET,
        "REFRESH_SECRET": REFRESH_SECRET,
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/jwtapi.db",
        "RATE_LIMIT_ENABLED": "false",
    }
    return Server(folder, **(ours | settings))


@dataclass(frozen=True)
class Tokens:
    good: str
    bad: Mapping[str, str]
    """By what is wrong. Each is the good token but for that, and signed with the key of the server where it can be."""


def tokens_of(server: Server) -> Tokens:
    """Register alice, sign in, and make the bad tokens with the key in the server's database."""
    alice = {"username": "alice", "password": PASSWORD}
    with server.client() as client:
        client.post("/register", json=alice)
        good = client.post("/login", json=alice).json()["accessToken"]
        refresh_token = client.cookies["refreshToken"]
    pair = _signing_key_of(server)
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    other = new_key_pair(pair.algorithm)
    now = int(time.time())
    signed, _, signature = good.rpartition(".")
    bad = {
        "changed claims": f"{_unsigned(header, claims | {'username': 'eve'})}.{signature}",
        "changed signature": f"{signed}.{_with_one_bit_changed(signature)}",
        "another key under our kid": _signed(header, claims, other),
        "another key under its own kid": _signed(header | {"kid": other.kid}, claims, other),
        "a key in the header": _signed(header | {"kid": other.kid, "jwk": dict(other.public_jwk)}, claims, other),
        "expired": _signed(header, claims | {"iat": now - 1000, "exp": now - 100}, pair),
        "alg none": f"{_unsigned(header | {'alg': 'none'}, claims)}.",
        "alg none, signed": f"{_unsigned(header | {'alg': 'none'}, claims)}.{signature}",
        "another audience": _signed(header, claims | {"aud": "https://billing.example.com"}, pair),
        "another issuer": _signed(header, claims | {"iss": "https://evil.example"}, pair),
        "a refresh token": refresh_token,
    }
    for name, secret in _public_keys_as_secrets(pair).items():
        bad[f"HS256 under the public key ({name})"] = _with_mac(header | {"alg": "HS256"}, claims, secret)
    assert _signed(header, claims, pair).rpartition(".")[0] == signed  # the tokens above differ in nothing else
    return Tokens(good, bad)


def _signing_key_of(server: Server) -> KeyPair:
    with sqlite3.connect(server.folder / "jwtapi.db") as database:
        ((kid, encrypted),) = database.execute("SELECT kid, encrypted_private FROM signing_keys")
    database.close()
    return decrypted_key_pair(kid, encrypted, REFRESH_SECRET)


def _public_keys_as_secrets(pair: KeyPair) -> dict[str, bytes]:
    public = jwt.PyJWK(dict(pair.public_jwk)).key
    return {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(dict(pair.public_jwk), separators=(",", ":")).encode(),
    }


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], pair: KeyPair) -> str:
    unsigned = _unsigned(header, claims)
    return f"{unsigned}.{_encoded(pair.sign(unsigned.encode()))}"


def _with_mac(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """Sign with HS256. PyJWT would refuse a public key as a secret."""
    unsigned = _unsigned(header, claims)
    return f"{unsigned}.{_encoded(hmac.digest(secret, unsigned.encode(), 'sha256'))}"


def _with_one_bit_changed(signature: str) -> str:
    data = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    data[9] ^= 1
    return _encoded(bytes(data))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
