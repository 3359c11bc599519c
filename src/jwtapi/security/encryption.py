"""Encrypts what the database keeps and must not show: AES-256-GCM under keys that HKDF derives from REFRESH_SECRET.

This module loads cryptography: import it where the first secret is opened or made.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class WrongSecret(Exception):
    """Another secret encrypted the bytes, they belong to something else, or they were changed."""


class Cipher:
    def __init__(self, secret: str, purpose: bytes) -> None:
        """`purpose` separates the keys of different kinds of data."""
        derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
        self._aead = AESGCM(derivation.derive(secret.encode()))

    def encrypt(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """`bound_to` names what the bytes belong to, so that nobody can move them to another row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, bound_to)

    def decrypt(self, encrypted: bytes, *, bound_to: bytes) -> bytes:
        """Raises: WrongSecret."""
        try:
            return self._aead.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise WrongSecret from None
