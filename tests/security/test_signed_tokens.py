import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from jwtapi.security.secret_keys import SecretKeys
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken, TokenSigner

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
KEY = b"k" * 32
CLAIMS = {"iss": "jwtapi", "sub": "x", "iat": ISSUED, "exp": ISSUED + 900}

HEADER = '{"alg":"HS256","typ":"at+jwt"}'

signer = TokenSigner(SecretKeys(KEY), "at+jwt")


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def forged(payload: bytes, header: bytes = b'{"alg":"HS256","typ":"at+jwt"}', key: bytes = KEY) -> str:
    """A token with a right signature and whatever else."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


def with_claims(**changed: Any) -> str:
    return forged(json.dumps({name: value for name, value in (CLAIMS | changed).items() if value is not ...}).encode())


def read(token: str) -> dict[str, Any]:
    return signer.decode(token, now=NOW, max_lifetime=900)


def refused(token: str) -> bool:
    try:
        read(token)
    except ExpiredToken:
        return False
    except InvalidToken:
        return True
    return False


def test_a_signed_token_can_be_read() -> None:
    assert read(signer.sign({"sub": "x", "iat": ISSUED, "exp": ISSUED + 900})) == CLAIMS


def test_the_forger_of_these_tests_can_make_good_tokens() -> None:
    assert read(with_claims()) == CLAIMS


@pytest.mark.parametrize(
    "claims",
    (
        {"exp": ...},
        {"iat": ...},
        {"exp": None},
        {"exp": str(ISSUED + 600)},
        {"exp": True},
        {"exp": [ISSUED + 600]},
        {"iat": str(ISSUED)},
        {"nbf": "now"},
        {"nbf": False},
        {"nbf": ISSUED + 3600},
        {"iat": ISSUED + 31, "exp": ISSUED + 100},
        {"exp": ISSUED + 901},
        {"exp": 10**12},
        {"exp": 10**400, "iat": float(ISSUED)},
        {"iss": "another"},
        {"iss": ...},
        {"aud": "us"},
        {"aud": []},
    ),
)
def test_a_token_with_other_claims_than_ours_is_refused(claims: dict[str, Any]) -> None:
    assert refused(with_claims(**claims))


def test_a_token_from_a_clock_that_is_slightly_ahead_is_accepted() -> None:
    assert read(with_claims(iat=ISSUED + 30, exp=ISSUED + 100))


def test_a_token_expires_to_the_second() -> None:
    assert read(with_claims(iat=ISSUED - 899, exp=ISSUED + 1))
    with pytest.raises(ExpiredToken):
        read(with_claims(iat=ISSUED - 900, exp=ISSUED))


def test_an_expired_token_can_be_read_on_request() -> None:
    token = with_claims(iat=ISSUED - 1000, exp=ISSUED - 100)
    assert signer.decode(token, now=NOW, allow_expired=True)["exp"] == ISSUED - 100


@pytest.mark.parametrize(
    "payload",
    (
        b"[1]",
        b"null",
        b"true",
        b"{",
        json.dumps(CLAIMS).encode("utf-16"),
        json.dumps(CLAIMS).encode("utf-16-le"),
        json.dumps(CLAIMS).encode("utf-32"),
        b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode(),
        json.dumps(CLAIMS).encode()[:-1] + b', "exp": 9999999999}',
        json.dumps(CLAIMS).encode()[:-1] + b', "x": NaN}',
        json.dumps(CLAIMS).encode()[:-1] + b', "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    ),
)
def test_a_token_whose_payload_is_not_a_strict_json_object_is_refused(payload: bytes) -> None:
    assert refused(forged(payload))


@pytest.mark.parametrize(
    "header",
    (
        b'{"alg":"none","typ":"at+jwt"}',
        b'{"alg":"HS512","typ":"at+jwt"}',
        b'{"alg":["HS256"],"typ":"at+jwt"}',
        b'{"alg":"HS256"}',
        b'{"alg":"HS256","typ":"JWT"}',
        b'{"alg":"HS256","typ":"rt+jwt"}',
        b'{"alg":"HS256","typ":"at+jwt","crit":["exp"]}',
        b'{"alg":"HS256","typ":"at+jwt","b64":false,"crit":["b64"]}',
        b'{"alg":"HS256","typ":"at+jwt","b64":false}',
        b'{"alg":"HS256","typ":"at+jwt","kid":5}',
        b'{"alg":"HS256","typ":"at+jwt","kid":"a"}',
        b'["HS256"]',
        b"",
        HEADER.encode("utf-16"),
        HEADER.encode("utf-16-le"),
        HEADER.encode("utf-16-be"),
        HEADER.encode("utf-32"),
        HEADER.encode("utf-32-be"),
        HEADER.encode("utf-8-sig"),
        b'{"alg":"HS256","typ":"at+jwt","typ":"at+jwt"}',
        b'{"alg":"none","alg":"HS256","typ":"at+jwt"}',
        b'{"alg":"HS256","typ":"at+jwt","x":NaN}',
        b'{"alg":"HS256","typ":"at+jwt","x":1e400}',
        b'{"alg":"HS256","typ":"at+jwt","kid":"\\ud800"}',
        b'{"alg":"HS256","typ":"at+jwt","x":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"alg":"HS256","typ":"at+jwt","x":"\xff"}',
    ),
)
def test_a_token_with_another_header_than_ours_is_refused(header: bytes) -> None:
    assert refused(forged(json.dumps(CLAIMS).encode(), header))


@pytest.mark.parametrize(
    "header",
    (
        b'{ "typ" : "at+jwt", "alg" : "HS256" }',
        b'{"alg":"HS256","typ":"at+jwt","x":[1]}',
    ),
)
def test_a_header_may_be_written_in_another_way_and_have_other_members(header: bytes) -> None:
    assert read(forged(json.dumps(CLAIMS).encode(), header)) == CLAIMS


def test_a_token_signed_with_the_previous_key_is_accepted() -> None:
    rotated = TokenSigner(SecretKeys(b"n" * 32, previous=KEY), "at+jwt")
    assert rotated.decode(with_claims(), now=NOW) == CLAIMS
    assert refused(rotated.sign(CLAIMS))


def test_a_token_signed_with_another_key_is_refused() -> None:
    assert refused(forged(json.dumps(CLAIMS).encode(), key=b"K" * 32))


def test_an_unsigned_token_is_refused() -> None:
    assert refused(jwt.encode(CLAIMS, "", "none", headers={"typ": "at+jwt"}))


def test_a_signature_in_another_base64_spelling_is_refused() -> None:
    token = with_claims()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = alphabet[alphabet.index(token[-1]) ^ 1]
    for other in (f"{token[:-1]}{same_bytes}", f"{token}=", f"{token}\n", f" {token}", f"{token}.", token.upper()):
        assert refused(other)


@pytest.mark.parametrize("segment", (0, 1))
@pytest.mark.parametrize("spelling", ("{}=", "{}==", "{}\n", "{}.", "={}", "!{}", "{}A", ""))
def test_a_segment_in_another_base64_spelling_is_refused_even_if_it_is_signed(segment: int, spelling: str) -> None:
    segments = with_claims().split(".")[:2]
    segments[segment] = spelling.format(segments[segment])
    signed = ".".join(segments)
    assert refused(f"{signed}.{encoded(hmac.digest(KEY, signed.encode(), 'sha256'))}")


def test_a_token_of_more_than_4_kib_is_refused() -> None:
    assert refused(with_claims(pad="x" * 8192))
