"""The cursors of the revocation feed: text of this server that clients send back.

A client cannot make one of its own, so the server need not expect anything else in it than what it wrote.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

MAX_LENGTH = 4096
"""Characters of a cursor. A longer text is none."""

_MAC_BYTES = 32


class FeedCursors:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only reads cursors."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]

    def issue(self, content: str) -> str:
        signed = content.encode()
        return urlsafe_b64encode(signed + _mac(self._keys[0], signed)).rstrip(b"=").decode()

    def read(self, cursor: str) -> str | None:
        """Return the content of a cursor, or None if this server did not make it."""
        if len(cursor) > MAX_LENGTH:
            return None
        try:
            data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            return None
        signed, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, signed)) for key in self._keys):
            return None
        return signed.decode()


def _key_from(secret: str) -> bytes:
    """A separate key, so that nothing else that the secret signs can be mistaken for a cursor."""
    return hmac.digest(secret.encode(), b"jwtapi revocation cursors", "sha256")


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")
