"""Access tokens: after RFC 9068, `typ: at+jwt`, HS256 under JWT_SECRET. Everybody who holds one can read it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from jwtapi.security.signed_tokens import InvalidToken, Lifetime, TokenSigner, seconds, text_claim, uuid_claim

MAX_VERIFIED = 5_000
"""Tokens whose signatures are remembered, about 1 KB each, and as many that were used less recently."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: UUID
    username: str
    session_id: UUID
    roles: tuple[str, ...]


class AccessTokens:
    def __init__(self, secret: str, *, ttl: int) -> None:
        self._signer = TokenSigner(secret.encode(), "at+jwt")
        self.ttl = ttl
        """Seconds that a token lives."""
        # By the whole token. When there are too many recent ones they become the older ones, which are forgotten.
        self._recent: dict[str, tuple[AccessClaims, Lifetime]] = {}
        self._older: dict[str, tuple[AccessClaims, Lifetime]] = {}

    def issue(self, claims: AccessClaims, now: datetime) -> str:
        issued = seconds(now)
        return self._signer.sign(
            {
                "sub": str(claims.user_id),
                "username": claims.username,
                "sid": str(claims.session_id),
                "jti": uuid4().hex,
                "iat": issued,
                "exp": issued + self.ttl,
                "roles": list(claims.roles),
            }
        )

    def read(self, token: str, now: datetime) -> AccessClaims:
        """Return what a good token says; whether its session still lives, only the database knows.

        Raises:
            ExpiredToken, InvalidToken: it is not good.
        """
        known = self._recent.get(token)
        if known is None:
            known = self._older.get(token) or self._verify(token)
            if len(self._recent) >= MAX_VERIFIED:
                self._older, self._recent = self._recent, {}
            self._recent[token] = known
        claims, lifetime = known
        lifetime.check(now, max_lifetime=self.ttl)
        return claims

    def _verify(self, token: str) -> tuple[AccessClaims, Lifetime]:
        claims, lifetime = self._signer.verify(token)
        text_claim(claims, "jti")
        roles = claims.get("roles")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise InvalidToken
        return AccessClaims(
            user_id=uuid_claim(claims, "sub"),
            username=text_claim(claims, "username"),
            session_id=uuid_claim(claims, "sid"),
            roles=tuple(roles),
        ), lifetime
