"""The secrets of clients. They are random, so one SHA-256 protects them as well as a slow hash would."""

import hashlib
import hmac
import secrets

_PREFIX = "jwtapi_"
"""So that scanners of source code recognize a secret that somebody has published."""

_NO_HASH = bytes(32)


def new_client_secret() -> str:
    """Return 256 random bits in base64url, behind a prefix."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_of_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def is_secret(secret: str, secret_hash: bytes | None) -> bool:
    """Return whether the hash is that of the secret. Without a hash the work is the same."""
    is_equal = hmac.compare_digest(hash_of_secret(secret), secret_hash if secret_hash is not None else _NO_HASH)
    return is_equal and secret_hash is not None
