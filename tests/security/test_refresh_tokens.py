from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.security.signed_tokens import InvalidToken
from tests.conftest import REFRESH_SECRET

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ROW: dict[str, Any] = {
    "user_id": UUID(int=1),
    "session_id": UUID(int=2),
    "generation": 3,
    "session_key": b"k" * 32,
    "issued_at": NOW,
    "expires_at": NOW + timedelta(days=7),
}

tokens = RefreshTokens(REFRESH_SECRET)


def test_the_same_session_row_makes_exactly_the_same_refresh_token() -> None:
    assert tokens.issue(**ROW) == RefreshTokens(REFRESH_SECRET).issue(**ROW)


def test_a_session_row_makes_the_token_that_earlier_versions_made_of_it() -> None:
    assert tokens.issue(**ROW) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJpc3MiOiJqd3RhcGkiLCJzdWIiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAw"
        "MDAwMDAwMDEiLCJzaWQiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDIiLCJnZW4iOjMsImlhdCI6MTc2NzMyMzA0NSwiZX"
        "hwIjoxNzY3OTI3ODQ1LCJwcmYiOiJucHBfWTI1eWFmRGZwbjJUdVBNcjhuMHhDa2h0X05Jd3E3WGFKQ1IyZ1dnIn0.JapBKZF-PJgvL9OMAxUU"
        "TP5y9ib7AFxe891vCLPIvbM"
    )


@pytest.mark.parametrize("change", ({"generation": 4}, {"session_id": UUID(int=9)}, {"session_key": b"K" * 32}))
def test_another_session_row_makes_another_refresh_token(change: dict[str, Any]) -> None:
    assert tokens.issue(**ROW) != tokens.issue(**(ROW | change))


def test_a_token_is_proven_by_its_sessions_key_and_no_other() -> None:
    claims = tokens.decode(tokens.issue(**ROW), NOW)
    assert (claims.user_id, claims.session_id, claims.generation) == (UUID(int=1), UUID(int=2), 3)
    assert claims.is_proven_by(b"k" * 32)
    assert not claims.is_proven_by(b"K" * 32)
    assert claims.proof not in repr(claims)


def test_the_proof_of_one_generation_does_not_hold_for_the_next() -> None:
    claims = jwt.decode(tokens.issue(**ROW), REFRESH_SECRET, ["HS256"], {"verify_exp": False, "verify_iat": False})
    forged = jwt.encode(claims | {"gen": 4}, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    assert not tokens.decode(forged, NOW).is_proven_by(b"k" * 32)


@pytest.mark.parametrize("change", ({"gen": "3"}, {"gen": True}, {"gen": 3.0}, {"prf": ""}, {"prf": 5}, {"sid": "x"}))
def test_a_refresh_token_with_claims_of_another_form_is_refused(change: dict[str, Any]) -> None:
    claims = jwt.decode(tokens.issue(**ROW), REFRESH_SECRET, ["HS256"], {"verify_exp": False, "verify_iat": False})
    forged = jwt.encode(claims | change, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    with pytest.raises(InvalidToken):
        tokens.decode(forged, NOW)
