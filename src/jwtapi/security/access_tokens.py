"""Access tokens as in RFC 9068: `typ: at+jwt`, HS256 with JWT_SECRET. Everybody who has a token can read it."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from jwtapi.principal import Principal
from jwtapi.security.random_ids import random_id
from jwtapi.security.signed_tokens import (
    InvalidToken,
    TokenSigner,
    generation_claim,
    seconds,
    text_claim,
    uuid_claim,
)


class DecodedToken(NamedTuple):
    principal: Principal
    """`amr` is empty if the token has none, because an earlier version issued it."""
    session_id: UUID
    generation: int
    """How often the session had been refreshed when the token was issued."""
    expires_at: datetime


class AccessTokens:
    def __init__(self, secret: str, *, ttl: int, previous_secret: str | None = None) -> None:
        """`previous_secret` only verifies tokens."""
        previous_key = previous_secret.encode() if previous_secret is not None else None
        self._signer = TokenSigner(secret.encode(), "at+jwt", previous_key=previous_key)
        self.ttl = ttl
        """Lifetime of a token in seconds."""

    def issue(self, principal: Principal, now: datetime, *, generation: int) -> str:
        """Make a token of a session. The claims are those of RFC 9068 §2.2."""
        issued = seconds(now)
        return self._signer.sign(
            {
                "sub": str(principal.user_id),
                "username": principal.username,
                "sid": str(principal.session_id),
                "gen": generation,
                "jti": random_id(),
                "iat": issued,
                "exp": issued + self.ttl,
                "auth_time": principal.auth_time,
                "amr": principal.amr,
                "roles": principal.roles,
            }
        )

    def decode(self, token: str, now: datetime, *, allow_early: bool = False) -> DecodedToken:
        """Return the content of a valid token. Only the database knows whether its session is still alive.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token was never valid.
        """
        claims = self._signer.decode(token, now=now, max_lifetime=self.ttl, allow_early=allow_early)
        text_claim(claims, "jti")
        session_id = uuid_claim(claims, "sid")
        amr, auth_time = (_amr(claims), _auth_time(claims)) if "amr" in claims else ((), 0)
        principal = Principal(
            user_id=uuid_claim(claims, "sub"),
            username=text_claim(claims, "username"),
            roles=_texts(claims, "roles"),
            session_id=session_id,
            amr=amr,
            auth_time=auth_time,
        )
        generation = (
            generation_claim(claims, "gen") if "gen" in claims else 0
        )  # tokens of earlier versions have no `gen`
        return DecodedToken(principal, session_id, generation, datetime.fromtimestamp(claims["exp"], UTC))


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    values = claims.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidToken
    return tuple(values)


def _amr(claims: dict[str, Any]) -> tuple[str, ...]:
    amr = _texts(claims, "amr")
    if not amr:
        raise InvalidToken
    return amr


def _auth_time(claims: dict[str, Any]) -> int:
    moment = claims.get("auth_time")
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise InvalidToken
    return moment
