"""Access tokens: after RFC 9068, `typ: at+jwt`, HS256 under JWT_SECRET. Everybody who holds one can read it."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from jwtapi.access_claims import AccessClaims
from jwtapi.security.signed_tokens import (
    InvalidToken,
    TokenSigner,
    generation_claim,
    seconds,
    text_claim,
    uuid_claim,
)


class GoodToken(NamedTuple):
    claims: AccessClaims
    generation: int
    """How often the session had been refreshed when the token was made."""
    expires_at: datetime


class AccessTokens:
    def __init__(self, secret: str, *, ttl: int, previous_secret: str | None = None) -> None:
        """`previous_secret` verifies tokens and signs none."""
        previous_key = previous_secret.encode() if previous_secret is not None else None
        self._signer = TokenSigner(secret.encode(), "at+jwt", previous_key=previous_key)
        self.ttl = ttl
        """Seconds that a token lives."""

    def issue(self, claims: AccessClaims, now: datetime, *, generation: int) -> str:
        issued = seconds(now)
        return self._signer.sign(
            {
                "sub": str(claims.user_id),
                "username": claims.username,
                "sid": str(claims.session_id),
                "gen": generation,
                "jti": uuid4().hex,
                "iat": issued,
                "exp": issued + self.ttl,
                "roles": list(claims.roles),
            }
        )

    def read(self, token: str, now: datetime) -> GoodToken:
        """Return what a good token says; whether its session still lives, only the database knows.

        Raises:
            ExpiredToken: it was good once.
            InvalidToken: it is not good.
        """
        claims = self._signer.read(token, now=now, max_lifetime=self.ttl)
        text_claim(claims, "jti")
        roles = claims.get("roles")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise InvalidToken
        access_claims = AccessClaims(
            user_id=uuid_claim(claims, "sub"),
            username=text_claim(claims, "username"),
            session_id=uuid_claim(claims, "sid"),
            roles=tuple(roles),
        )
        generation = generation_claim(claims, "gen") if "gen" in claims else 0  # tokens of earlier versions have none
        return GoodToken(access_claims, generation, datetime.fromtimestamp(claims["exp"], UTC))
