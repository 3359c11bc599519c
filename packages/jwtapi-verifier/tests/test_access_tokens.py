import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwtapi_verifier import ExpiredToken, InvalidToken, Verifier
from made_tokens import ALICE, AUDIENCE, REMOVED, SESSION, SigningKey, TokenMaker, encoded, signing_key
from scripted_server import ScriptedServer, json_answer
from verifier_parts import FakeClock, MakeVerifier

KEYS = (signing_key("ES256", "ec"), signing_key("EdDSA", "okp"), signing_key("RS256", "rsa"))


def _changed_names(value: Any) -> str:
    """Name a test. Values that are made anew in each process would have another name in each."""
    return ",".join(value) if isinstance(value, dict) else str(value)


async def reason(verifier: Verifier, token: str) -> str:
    with pytest.raises(InvalidToken) as error:
        await verifier.verify(token)
    assert error.value.__cause__ is None
    assert str(error.value) == error.value.reason
    return error.value.reason


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm)
async def test_a_token_of_a_user_is_accepted_under_each_algorithm(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey
) -> None:
    claims = await verifier.verify(tokens.token(key, iat=time.time() // 1, auth_time=1_700_000_000))
    assert (claims.sub, claims.username, claims.roles, claims.amr) == (ALICE, "alice", ("staff", "admin"), ("pwd",))
    assert (claims.session_id, claims.client_id, claims.scope, claims.token_id) == (SESSION, "jwtapi", (), "one")
    assert claims.auth_time == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (claims.expires_at - claims.issued_at).total_seconds() == 900
    assert claims.raw["gen"] == 3
    assert "raw" not in repr(claims)


async def test_a_token_of_a_service_has_no_user(verifier: Verifier, tokens: TokenMaker, key: SigningKey) -> None:
    claims = await verifier.verify(tokens.of_a_service(key, scope="introspect revoke"))
    assert (claims.sub, claims.client_id, claims.scope) == ("orders", "orders", ("introspect", "revoke"))
    assert (claims.username, claims.session_id, claims.roles, claims.auth_time) == (None, None, (), None)


@pytest.mark.parametrize(
    ("header", "expected"),
    (
        ({"alg": "none"}, "wrong_algorithm"),
        ({"alg": "HS256"}, "wrong_algorithm"),
        ({"alg": "EdDSA"}, "wrong_algorithm"),
        ({"alg": "ES384"}, "wrong_algorithm"),
        ({"alg": "es256"}, "wrong_algorithm"),
        ({"alg": ["ES256"]}, "wrong_algorithm"),
        ({"alg": REMOVED}, "wrong_algorithm"),
        ({"typ": "JWT"}, "wrong_type"),
        ({"typ": "AT+JWT"}, "wrong_type"),
        ({"typ": "rt+jwt"}, "wrong_type"),
        ({"typ": {}}, "wrong_type"),
        ({"typ": REMOVED}, "wrong_type"),
        ({"kid": REMOVED}, "unknown_key"),
        ({"kid": ""}, "unknown_key"),
        ({"kid": "k" * 257}, "unknown_key"),
        ({"kid": 7}, "unknown_key"),
        ({"kid": None}, "unknown_key"),
        ({"kid": "../../dev/null"}, "unknown_key"),
        ({"crit": ["exp"]}, "unsupported_header"),
        ({"crit": []}, "unsupported_header"),
        ({"b64": False}, "unsupported_header"),
        ({"jwk": signing_key(number=1).jwk}, "unsupported_header"),
        ({"jku": "https://attacker.example/jwks"}, "unsupported_header"),
        ({"x5u": "https://attacker.example/cert"}, "unsupported_header"),
        ({"x5c": ["MII="]}, "unsupported_header"),
    ),
    ids=_changed_names,
)
async def test_a_token_with_another_header_is_refused(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, header: dict[str, Any], expected: str
) -> None:
    await verifier.verify(tokens.token(key))  # the usual header is known from now on
    assert await reason(verifier, tokens.token(key, header=header)) == expected


async def test_the_long_form_of_the_type_is_accepted(verifier: Verifier, tokens: TokenMaker, key: SigningKey) -> None:
    assert await verifier.verify(tokens.token(key, header={"typ": "application/at+jwt"}))


@pytest.mark.parametrize(
    "secret",
    (
        KEYS[0].private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        KEYS[0].private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        KEYS[0].private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        json.dumps(KEYS[0].jwk).encode(),
        b"",
    ),
    ids=("PEM", "DER", "point", "JWK", "empty"),
)
@pytest.mark.parametrize("algorithm", ("HS256", "ES256"))
async def test_the_public_key_is_no_secret_that_signs(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, secret: bytes, algorithm: str
) -> None:
    header = json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": key.kid}).encode()
    signed = f"{encoded(header)}.{encoded(json.dumps(tokens.claims()).encode())}"
    token = f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"
    assert await reason(verifier, token) in {"wrong_algorithm", "wrong_signature"}


@pytest.mark.parametrize("named", KEYS, ids=lambda key: key.algorithm)
@pytest.mark.parametrize("signing", KEYS, ids=lambda key: key.algorithm)
async def test_a_key_verifies_only_its_own_signatures_with_its_own_algorithm(
    verifier: Verifier, tokens: TokenMaker, server: ScriptedServer, named: SigningKey, signing: SigningKey
) -> None:
    server.answers["/.well-known/jwks.json"] = json_answer({"keys": [key.jwk for key in KEYS]})
    header = {"kid": named.kid}
    if named is signing:
        assert await verifier.verify(tokens.token(signing, header=header))
    else:
        assert await reason(verifier, tokens.token(signing, header=header)) == "wrong_algorithm"
        confused = tokens.token(signing, header=header | {"alg": named.algorithm})
        assert await reason(verifier, confused) == "wrong_signature"


async def test_another_key_with_the_same_kid_is_refused(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey
) -> None:
    assert await reason(verifier, tokens.token(signing_key(kid=key.kid, number=1))) == "wrong_signature"


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changed", "expected"),
    (
        ({"iss": "https://another.example"}, "wrong_issuer"),
        ({"iss": REMOVED}, "wrong_issuer"),
        ({"iss": ["https://auth.example"]}, "wrong_issuer"),
        ({"aud": "https://another.example"}, "wrong_audience"),
        ({"aud": AUDIENCE + "/"}, "wrong_audience"),
        ({"aud": {AUDIENCE: 1}}, "wrong_audience"),
        ({"aud": f"{AUDIENCE} https://another.example"}, "wrong_audience"),
        ({"aud": []}, "wrong_audience"),
        ({"aud": REMOVED}, "wrong_audience"),
        ({"exp": REMOVED}, "wrong_claims"),
        ({"exp": str(NOW + 900)}, "wrong_claims"),
        ({"exp": True}, "wrong_claims"),
        ({"exp": None}, "wrong_claims"),
        ({"exp": [NOW + 900]}, "wrong_claims"),
        ({"exp": 10**400}, "wrong_claims"),
        ({"iat": REMOVED}, "wrong_claims"),
        ({"iat": str(NOW)}, "wrong_claims"),
        ({"iat": -(10**15), "exp": -(10**15) + 1}, "wrong_claims"),
        ({"iat": NOW + 3600, "exp": NOW + 4000}, "not_yet_valid"),
        ({"nbf": NOW + 3600}, "not_yet_valid"),
        ({"nbf": "now"}, "wrong_claims"),
        ({"iat": NOW - 86_400, "exp": NOW + 600}, "lives_too_long"),
        ({"exp": 2**53}, "lives_too_long"),
        ({"iat": NOW - 900, "exp": NOW - 1}, "expired"),
        ({"sub": REMOVED}, "wrong_claims"),
        ({"sub": ""}, "wrong_claims"),
        ({"sub": 7}, "wrong_claims"),
        ({"jti": REMOVED}, "wrong_claims"),
        ({"jti": ""}, "wrong_claims"),
        ({"username": ["alice"]}, "wrong_claims"),
        ({"sid": None}, "wrong_claims"),
        ({"client_id": 7}, "wrong_claims"),
        ({"roles": "admin"}, "wrong_claims"),
        ({"roles": [1]}, "wrong_claims"),
        ({"amr": {}}, "wrong_claims"),
        ({"scope": ["introspect"]}, "wrong_claims"),
        ({"auth_time": "yesterday"}, "wrong_claims"),
        ({"auth_time": -1}, "wrong_claims"),
        ({"auth_time": 10**12}, "wrong_claims"),
    ),
    ids=_changed_names,
)
async def test_a_token_with_other_claims_is_refused(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, changed: dict[str, Any], expected: str
) -> None:
    assert await reason(verifier, tokens.token(key, **changed)) == expected


@pytest.mark.parametrize("audience", (AUDIENCE, [AUDIENCE], ["https://another.example", AUDIENCE]), ids=str)
async def test_a_token_for_several_audiences_is_accepted_by_each(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, audience: Any
) -> None:
    assert await verifier.verify(tokens.token(key, aud=audience))


async def test_a_token_expires_to_the_second(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    token = tokens.token(key, iat=clock.now(), exp=clock.now() + 900)
    clock.advance(899)
    assert await verifier.verify(token)
    clock.advance(1)
    with pytest.raises(ExpiredToken):
        await verifier.verify(token)


async def test_an_app_can_accept_tokens_for_some_seconds_longer(
    make_verifier: MakeVerifier, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    verifier = make_verifier(leeway=30)
    token = tokens.token(key, exp=clock.now() + 900)
    clock.advance(929)
    assert await verifier.verify(token)
    clock.advance(1)
    assert await reason(verifier, token) == "expired"


async def test_a_token_from_a_clock_that_is_slightly_ahead_is_accepted(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    assert await verifier.verify(tokens.token(key, iat=clock.now() + 30, nbf=clock.now() + 30))
    assert await reason(verifier, tokens.token(key, iat=clock.now() + 31)) == "not_yet_valid"


async def test_a_forged_token_does_not_learn_whether_it_would_have_expired(
    verifier: Verifier, tokens: TokenMaker
) -> None:
    forged = tokens.token(signing_key(number=1), exp=1)
    assert await reason(verifier, forged) == "wrong_signature"


def _mutations(token: str) -> dict[str, Any]:
    header, payload, signature = token.split(".")
    return {
        "nothing": "",
        "no text": None,
        "bytes": token.encode(),
        "dots": "..",
        "one segment": header,
        "two segments": f"{header}.{payload}",
        "no signature": f"{header}.{payload}.",
        "no header": f".{payload}.{signature}",
        "no payload": f"{header}..{signature}",
        "four segments": f"{token}.{signature}",
        "five segments": f"{header}.{payload}.{signature}..",
        "leading dot": f".{token}",
        "leading space": f" {token}",
        "line end": f"{token}\n",
        "padding": f"{token}==",
        "padded header": f"{header}=.{payload}.{signature}",
        "space in the header": f"{header[:4]} {header[4:]}.{payload}.{signature}",
        "question mark in the payload": f"{header}.{payload[:4]}?{payload[4:]}.{signature}",
        "other alphabet": f"{header}.{payload}.{signature[:-4]}++//",
        "unused bits": f"{header}.{payload}.{signature[:-1]}{'h' if signature[-1] in 'gA' else 'B'}",
        "other letters": f"{header}.{payload}.{'é' * len(signature)}",
        "cut signature": f"{header}.{payload}.{signature[:-4]}",
        "long signature": f"{header}.{payload}.{signature}AAAA",
        "zeros": f"{header}.{payload}.{'A' * len(signature)}",
        "other payload": f"{header}.{payload[:-4]}AAAA.{signature}",
        "JSON serialization": json.dumps({"protected": header, "payload": payload, "signature": signature}),
        "five segments of JWE": ".".join([header] * 5),
        "too long": token + "A" * 8192,
        "very long": "A" * 10_000_000,
        "many dots": "." * 8000,
    }


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm)
async def test_malformed_tokens_are_refused(verifier: Verifier, tokens: TokenMaker, key: SigningKey) -> None:
    token = tokens.token(key)
    await verifier.verify(token)
    reasons = {name: await reason(verifier, mutated) for name, mutated in _mutations(token).items()}
    assert {name: each for name, each in reasons.items() if each not in {"malformed", "wrong_signature"}} == {}


@pytest.mark.parametrize(
    "payload",
    (
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff",
        b"[" * 5000,
        '{"iss": "x"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"iss": "x"}',
        b'{"exp": NaN}',
        b'{"exp": 1e999}',
        b'{"sub": "\\ud800"}',
        b'{"sub": "eve", "sub": "alice"}',
    ),
)
async def test_a_payload_that_is_no_strict_json_is_refused(verifier: Verifier, key: SigningKey, payload: bytes) -> None:
    header = json.dumps({"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}).encode()
    assert await reason(verifier, key.token_of(header, payload)) == "malformed"


@pytest.mark.parametrize(
    "header",
    (
        b"",
        b"null",
        b"[]",
        b"{",
        '{"alg": "ES256", "typ": "at+jwt", "kid": "first"}'.encode("utf-16"),
        b'{"alg": "none", "alg": "ES256", "typ": "at+jwt", "kid": "first"}',
        b'{"alg": "ES256", "typ": "at+jwt", "kid": "\\ud800"}',
    ),
)
async def test_a_header_that_is_no_strict_json_is_refused(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey, header: bytes
) -> None:
    token = key.token_of(header, json.dumps(tokens.claims()).encode())
    assert await reason(verifier, token) == "malformed"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm)
async def test_a_token_may_have_8192_characters_and_no_more(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey
) -> None:
    short = tokens.token(key, padding="")
    missing = (8192 - len(short)) * 3 // 4
    assert await verifier.verify(tokens.token(key, padding="x" * missing))
    assert await reason(verifier, tokens.token(key, padding="x" * (missing + 3))) == "malformed"


async def test_many_different_headers_take_no_memory(verifier: Verifier, tokens: TokenMaker, key: SigningKey) -> None:
    for number in range(200):
        await verifier.verify(tokens.token(key, header={"n": number}))
        await reason(verifier, tokens.token(signing_key(number=1), header={"m": number}))
    assert len(verifier._tokens._headers) <= 64


async def test_the_tokens_of_these_tests_are_ordinary_tokens(tokens: TokenMaker, key: SigningKey) -> None:
    token = tokens.token(key)
    assert jwt.decode(token, key.private.public_key(), ["ES256"], audience=AUDIENCE, issuer=tokens.issuer)
