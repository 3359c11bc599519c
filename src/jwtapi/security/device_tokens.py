"""Device tokens: a browser's proof that a user has signed in with it before (OWASP, device cookies).

The limit on failed logins counts such a browser separately, so that a stranger who uses up the account's limit does not
lock out the owner. A device token signs nobody in. It is valid until the user's password changes: an owner who gave the
password to a stranger can revoke the stranger's device tokens too.
"""

import hmac
from datetime import datetime
from uuid import UUID, uuid4

from jwtapi.security.secret_keys import SecretKeys
from jwtapi.security.signed_tokens import InvalidToken, TokenSigner, seconds, uuid_claim

LIFETIME = 365 * 24 * 3600
"""Seconds."""


class DeviceTokens:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only verifies tokens."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]
        self._signer = TokenSigner(SecretKeys(*self._keys), "dt+jwt")

    def issue(self, user_id: UUID, password_hash: str | None, now: datetime) -> str:
        issued = seconds(now)
        claims = {
            "sub": _subject(self._keys[0], user_id, password_hash),
            "jti": uuid4().hex,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return self._signer.sign(claims)

    def device_of(self, token: str, user_id: UUID | None, password_hash: str | None, now: datetime) -> str | None:
        """Return the device's id if the token is valid for this user with this password.

        Without a user id the work is the same, and no token is valid.
        """
        try:
            claims = self._signer.decode(token, now=now, max_lifetime=LIFETIME)
            subjects = [_subject(key, user_id, password_hash) for key in self._keys]
            return uuid_claim(claims, "jti").hex if claims.get("sub") in subjects else None
        except InvalidToken:
            return None


def _key_from(secret: str) -> bytes:
    """A separate key, so that no other kind of token can be mistaken for a device token."""
    return hmac.digest(secret.encode(), b"jwtapi device tokens", "sha256")


def _subject(key: bytes, user_id: UUID | None, password_hash: str | None) -> str:
    """A keyed hash, so that the cookie shows neither the user nor the password's hash."""
    return hmac.new(key, f"{user_id}\0{password_hash or ''}".encode(), "sha256").hexdigest()
