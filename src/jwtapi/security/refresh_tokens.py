"""Refresh tokens: `typ: rt+jwt`, HS256 under REFRESH_SECRET, and a proof that their maker knew the session's key.

A token is a function of its session's row: made again from the same row, it is the same to the letter. That is how
a client whose answer was lost gets the same successor. The secret without the database, or the database without the
secret, makes none.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from jwtapi.security.signed_tokens import TokenSigner, generation_claim, seconds, text_claim, uuid_claim

_CLAIMS = frozenset({"iss", "sub", "sid", "gen", "iat", "exp", "prf"})


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    user_id: UUID
    session_id: UUID
    generation: int
    issued_at: float
    """Seconds since 1970."""
    proof: str = field(repr=False)
    proven: bytes = field(repr=False)
    """All other claims, in the form that the proof is about."""
    may_be_former: bool
    """Whether the token has the claims of the first builds, whose proof covered session and generation alone."""

    def is_proven_by(self, session_key: bytes) -> bool:
        if _is_proof(self.proof, session_key, self.proven):
            return True
        # So that an upgrade signs nobody out. Each session has at most one such token that is good, until its refresh.
        return self.may_be_former and _is_proof(
            self.proof, session_key, f"{self.session_id}.{self.generation}".encode()
        )


class RefreshTokens:
    def __init__(self, secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` verifies tokens and signs none."""
        previous_key = previous_secret.encode() if previous_secret is not None else None
        self._signer = TokenSigner(secret.encode(), "rt+jwt", previous_key=previous_key)

    def issue(  # noqa: PLR0913  a row's columns
        self,
        *,
        user_id: UUID,
        session_id: UUID,
        generation: int,
        session_key: bytes,
        issued_at: datetime,
        expires_at: datetime,
    ) -> str:
        claims = {
            "sub": str(user_id),
            "sid": str(session_id),
            "gen": generation,
            "iat": seconds(issued_at),
            "exp": seconds(expires_at),
        }
        return self._signer.sign(claims | {"prf": _proof(session_key, _canonical(claims))})

    def decode(self, token: str, now: datetime, *, allow_expired: bool = False) -> RefreshClaims:
        """Return what a token says that REFRESH_SECRET signed. It is good only if `is_proven_by` its session's key.

        Raises:
            InvalidToken: it is forged or, without `allow_expired`, expired.
        """
        claims = self._signer.decode(token, now=now, allow_expired=allow_expired)
        return RefreshClaims(
            user_id=uuid_claim(claims, "sub"),
            session_id=uuid_claim(claims, "sid"),
            generation=generation_claim(claims, "gen"),
            issued_at=claims["iat"],
            proof=text_claim(claims, "prf"),
            proven=_canonical(claims),
            may_be_former=claims.keys() == _CLAIMS,
        )


def _is_proof(proof: str, session_key: bytes, claims: bytes) -> bool:
    return hmac.compare_digest(proof.encode(), _proof(session_key, claims).encode())


def _canonical(claims: dict[str, Any]) -> bytes:
    """The claims that the proof covers: every one, or the holder of the secret could change the others."""
    covered = {name: value for name, value in claims.items() if name not in ("iss", "prf")}
    return json.dumps(covered, separators=(",", ":"), sort_keys=True).encode()


def _proof(session_key: bytes, claims: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(session_key, claims, "sha256")).decode().rstrip("=")
