"""Keyed hashes of user names, so that the database can recognise a name that it does not show."""

import hmac


class NameMacs:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only recognises names."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]

    def new(self, canonical_name: str) -> bytes:
        """Return the hash to store, 32 bytes."""
        return _mac(self._keys[0], canonical_name)

    def all(self, canonical_name: str) -> list[bytes]:
        """Return the hashes that may be stored for the name: with each secret."""
        return [_mac(key, canonical_name) for key in self._keys]


def _key_from(secret: str) -> bytes:
    """A separate key, so that nothing else that the secret signs can be mistaken for a name."""
    return hmac.digest(secret.encode(), b"jwtapi held names", "sha256")


def _mac(key: bytes, canonical_name: str) -> bytes:
    return hmac.digest(key, canonical_name.encode(), "sha256")
