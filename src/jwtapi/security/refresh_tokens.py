"""Refresh tokens: `typ: rt+jwt`, HS256 under REFRESH_SECRET, and a proof that their maker knew the session's key.

A token is a function of its session's row: made again from the same row, it is the same to the letter. That is how
a client whose answer was lost gets the same successor. The secret without the database, or the database without the
secret, makes none.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from jwtapi.security.signed_tokens import InvalidToken, TokenSigner, seconds, text_claim, uuid_claim


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    user_id: UUID
    session_id: UUID
    generation: int
    proof: str = field(repr=False)

    def is_proven_by(self, session_key: bytes) -> bool:
        return hmac.compare_digest(self.proof.encode(), _proof(session_key, self.session_id, self.generation).encode())


class RefreshTokens:
    def __init__(self, secret: str) -> None:
        self._signer = TokenSigner(secret.encode(), "rt+jwt")

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
        return self._signer.sign(
            {
                "sub": str(user_id),
                "sid": str(session_id),
                "gen": generation,
                "prf": _proof(session_key, session_id, generation),
                "iat": seconds(issued_at),
                "exp": seconds(expires_at),
            }
        )

    def read(self, token: str, now: datetime, *, expired_too: bool = False) -> RefreshClaims:
        """Return what a token says that REFRESH_SECRET signed. It is good only if `is_proven_by` its session's key.

        Raises:
            InvalidToken: it is forged or, without `expired_too`, expired.
        """
        claims = self._signer.read(token, now=now, expired_too=expired_too)
        generation = claims.get("gen")
        if not isinstance(generation, int) or isinstance(generation, bool):
            raise InvalidToken
        return RefreshClaims(
            user_id=uuid_claim(claims, "sub"),
            session_id=uuid_claim(claims, "sid"),
            generation=generation,
            proof=text_claim(claims, "prf"),
        )


def _proof(session_key: bytes, session_id: UUID, generation: int) -> str:
    digest = hmac.digest(session_key, f"{session_id}.{generation}".encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
