"""Access tokens as in RFC 9068: `typ: at+jwt`. Everybody who has a token can read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from jwtapi.principal import Principal
from jwtapi.security.random_ids import random_id
from jwtapi.security.signed_tokens import (
    InvalidToken,
    Keys,
    TokenSigner,
    generation_claim,
    seconds,
    text_claim,
    unverified_claims,
    uuid_claim,
)
from jwtapi.settings import ISSUER
from jwtapi.token_claims import canonical


class DecodedToken(NamedTuple):
    principal: Principal
    """`amr` is empty if the token has none, because an earlier version issued it. `claims_json` is None if it has none,
    because it was issued before TOKEN_CLAIMS was set."""
    session_id: UUID
    generation: int
    """How often the session had been refreshed when the token was issued."""
    expires_at: datetime


class DecodedClientToken(NamedTuple):
    client_id: UUID
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class IssuedAccessToken:
    access_token: str = field(repr=False)
    expires_in: int
    """Lifetime in seconds."""


class AccessTokens:
    def __init__(
        self,
        keys: Keys,
        *,
        ttl: int,
        issuer: str = ISSUER,
        audience: str | None = None,
        own_claim: str | None = None,
    ) -> None:
        """`own_claim` is the name of the claim with `Principal.claims`. None: tokens have no such claim."""
        self._keys = keys
        self._own_claim = own_claim
        self._signer = TokenSigner(keys, "at+jwt", issuer=issuer, audience=audience)
        self._ttl = ttl

    def issue(
        self, principal: Principal, now: datetime, *, generation: int, until: datetime, client_id: str = ISSUER
    ) -> IssuedAccessToken:
        """Make a token of a session that ends at `until` unless it is refreshed. The claims are those of RFC 9068 §2.2.

        The token does not outlive the session, because services that check it do not know the session.
        """
        issued = seconds(now)
        expires = min(issued + self._ttl, max(seconds(until), issued + 1))
        key = self._keys.signing_key()
        own: dict[str, Any] = {}
        if self._own_claim is not None and principal.claims_json is not None:
            own[self._own_claim] = principal.claims
        # Authlib refuses an empty list. But services that have JWT_SECRET expect one.
        has_roles = bool(principal.roles) or key.kid is None
        token = self._signer.sign(
            {
                "sub": str(principal.user_id),
                "client_id": client_id,
                "username": principal.username,
                "sid": str(principal.session_id),
                "gen": generation,
                "jti": random_id(),
                "iat": issued,
                "exp": expires,
                "auth_time": principal.auth_time,
                "amr": principal.amr,
            }
            | ({"roles": principal.roles} if has_roles else {})
            | own,
            key=key,
        )
        return IssuedAccessToken(token, expires - issued)

    def decode(self, token: str, now: datetime, *, allow_early: bool = False) -> DecodedToken:
        """Return the content of a valid token. Only the database knows whether its session is still alive.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token was never valid.
        """
        claims = self._signer.decode(token, now=now, max_lifetime=self._ttl, allow_early=allow_early)
        text_claim(claims, "jti")
        session_id = uuid_claim(claims, "sid")
        amr, auth_time = (_amr(claims), _auth_time(claims)) if "amr" in claims else ((), 0)
        principal = Principal(
            user_id=uuid_claim(claims, "sub"),
            username=text_claim(claims, "username"),
            roles=_texts(claims, "roles") if "roles" in claims else (),
            session_id=session_id,
            amr=amr,
            auth_time=auth_time,
            claims_json=_own_claim(claims, self._own_claim) if self._own_claim is not None else None,
        )
        generation = (
            generation_claim(claims, "gen") if "gen" in claims else 0
        )  # tokens of earlier versions have no `gen`
        return DecodedToken(principal, session_id, generation, datetime.fromtimestamp(claims["exp"], UTC))

    def issue_for_client(self, client_id: UUID, scopes: Sequence[str], now: datetime) -> IssuedAccessToken:
        """Make a token of a client that acts for itself (RFC 9068 §2.2). It has no session and no user name."""
        issued = seconds(now)
        token = self._signer.sign(
            {
                "sub": str(client_id),
                "client_id": str(client_id),
                **({"scope": " ".join(scopes)} if scopes else {}),
                "jti": random_id(),
                "iat": issued,
                "exp": issued + self._ttl,
            }
        )
        return IssuedAccessToken(token, self._ttl)

    def decode_of_client(self, token: str, now: datetime) -> DecodedClientToken:
        """Return the content of a valid token of a client. Only the database knows whether the client still exists.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token was never valid, or it is of a user.
        """
        claims = self._signer.decode(token, now=now, max_lifetime=self._ttl)
        text_claim(claims, "jti")
        client_id = uuid_claim(claims, "sub")
        if text_claim(claims, "client_id") != claims["sub"] or "sid" in claims:
            raise InvalidToken
        return DecodedClientToken(client_id, text_claim(claims, "scope").split(" ") if "scope" in claims else ())

    @staticmethod
    def claims_of(verified: str) -> dict[str, Any]:
        """Return the claims of a token that was found valid before. This checks nothing."""
        return unverified_claims(verified)


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    values = claims.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidToken
    return tuple(values)


def _own_claim(claims: dict[str, Any], name: str) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, dict):
        raise InvalidToken
    return canonical(value)


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
