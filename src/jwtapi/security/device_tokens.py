"""Device tokens: a browser's proof that somebody signed in to an account with it before (OWASP, device cookies).

It gives a login attempt a bucket of its own in the limit on the account's failures, so that a stranger who uses that
limit up cannot lock the owner out. It signs nobody in. It is good for as long as the account has the password that it
was signed in with: whoever gave that password to a stranger has to be able to take this back too.
"""

import hmac
from datetime import datetime
from uuid import uuid4

from jwtapi.security.signed_tokens import InvalidToken, TokenSigner, seconds, text_claim

LIFETIME = 365 * 24 * 3600
"""Seconds."""


class DeviceTokens:
    def __init__(self, refresh_secret: str) -> None:
        # A key of its own, so that a device token is no other kind of token under any reading.
        self._key = hmac.digest(refresh_secret.encode(), b"jwtapi device tokens", "sha256")
        self._signer = TokenSigner(self._key, "dt+jwt")

    def issue(self, canonical_username: str, password_hash: str, now: datetime) -> str:
        issued = seconds(now)
        claims = {
            "sub": self._account(canonical_username, password_hash),
            "jti": uuid4().hex,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        return self._signer.sign(claims)

    def device_of(self, token: str, canonical_username: str, password_hash: str, now: datetime) -> str | None:
        """Return the device's id if the token is good and of this account with this password."""
        try:
            claims = self._signer.read(token, now=now, max_lifetime=LIFETIME)
            is_its = claims.get("sub") == self._account(canonical_username, password_hash)
            return text_claim(claims, "jti") if is_its else None
        except InvalidToken:
            return None

    def _account(self, canonical_username: str, password_hash: str) -> str:
        """Neither can be read off the cookie. Names have no NUL."""
        return hmac.new(self._key, f"{canonical_username}\0{password_hash}".encode(), "sha256").hexdigest()
