"""Refresh tokens: `typ: rt+jwt`, HS256 with REFRESH_SECRET, and a proof that the issuer knew the session's key.

A token is a function of its session's row: the same row always gives exactly the same token. So a client whose answer
was lost can get the same successor again. Forging a token takes both REFRESH_SECRET and the session's key, which is in
the database.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from jwtapi.security.secret_keys import SecretKeys
from jwtapi.security.signed_tokens import TokenSigner, generation_claim, seconds, text_claim, uuid_claim

_CLAIMS = frozenset({"iss", "sub", "sid", "gen", "iat", "exp", "prf"})

_to_sorted_json = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    user_id: UUID
    session_id: UUID
    generation: int
    issued_at: float
    """Seconds since 1970."""
    proof: str = field(repr=False)
    proven: bytes = field(repr=False)
    """All other claims, in the form that the proof covers."""
    may_be_former: bool
    """Whether the token may come from the first builds, whose proof covered only the session and the generation."""

    def is_proven_by(self, session_key: bytes) -> bool:
        if _is_proof(self.proof, session_key, self.proven):
            return True
        # An upgrade must sign nobody out. Each session has at most one such valid token, until its next refresh.
        return self.may_be_former and _is_proof(
            self.proof, session_key, f"{self.session_id}.{self.generation}".encode()
        )


class RefreshTokens:
    def __init__(self, secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only verifies tokens."""
        self._signer = TokenSigner(SecretKeys.of(secret, previous_secret), "rt+jwt")

    def issue(  # noqa: PLR0913  the columns of a row
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

    def decode(self, token: str, now: datetime, *, at_any_time: bool = False) -> RefreshClaims:
        """Return the claims of a token that REFRESH_SECRET signed. Check `is_proven_by` with its session's key, too.

        Raises:
            InvalidToken: the token is forged or, without `at_any_time`, expired or not yet valid.
        """
        claims = self._signer.decode(token, now=now, allow_expired=at_any_time, allow_early=at_any_time)
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
    """Encode the claims that the proof covers: all, because REFRESH_SECRET alone would suffice to change any other."""
    covered = {name: value for name, value in claims.items() if name not in ("iss", "prf")}
    return _to_sorted_json(covered).encode()


def _proof(session_key: bytes, claims: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(session_key, claims, "sha256")).decode().rstrip("=")
