"""Device tokens: a browser's proof that somebody signed in to an account with it before (OWASP, device cookies).

It gives a login attempt a bucket of its own in the limit on the account's failures, so that a stranger who uses that
limit up cannot lock the owner out. It signs nobody in. It is good for as long as the account has the password that it
was signed in with: whoever gave that password to a stranger has to be able to take this back too.
"""

import hmac
from datetime import datetime
from uuid import UUID, uuid4

from jwtapi.security.signed_tokens import InvalidToken, TokenSigner, seconds, text_claim

LIFETIME = 365 * 24 * 3600
"""Seconds."""


class DeviceTokens:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` verifies tokens and signs none."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]
        self._signer = TokenSigner(
            self._keys[0], "dt+jwt", previous_key=self._keys[1] if previous_secret is not None else None
        )

    def issue(self, user_id: UUID, password_hash: str | None, now: datetime) -> str:
        issued = seconds(now)
        claims = {
            "sub": _account(self._keys[0], user_id, password_hash),
            "jti": uuid4().hex,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return self._signer.sign(claims)

    def device_of(self, token: str, user_id: UUID, password_hash: str | None, now: datetime) -> str | None:
        """Return the device's id if the token is good and of this account with this password."""
        try:
            claims = self._signer.decode(token, now=now, max_lifetime=LIFETIME)
            accounts = [_account(key, user_id, password_hash) for key in self._keys]
            return text_claim(claims, "jti") if claims.get("sub") in accounts else None
        except InvalidToken:
            return None


def _key_from(secret: str) -> bytes:
    """A key of its own, so that a device token is no other kind of token under any reading."""
    return hmac.digest(secret.encode(), b"jwtapi device tokens", "sha256")


def _account(key: bytes, user_id: UUID, password_hash: str | None) -> str:
    """Neither can be read off the cookie."""
    return hmac.new(key, f"{user_id}\0{password_hash or ''}".encode(), "sha256").hexdigest()
