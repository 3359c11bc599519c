"""What access tokens contain (RFC 9068 §2), and which of them this server accepts (RFC 9068 §4, RFC 8725)."""

import base64
import hmac
import json
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwtapi.security.key_pairs import new_key_pair
from jwtapi.security.key_ring import KeyRing
from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.statements import sent_by_requests, statements

URL = "https://auth.example.com"
KEY_PAIRS = ("ES256", "EdDSA", "RS256")
ALGORITHMS = ("HS256", "ES256")
"""A secret, and one of the key pairs: what is tested with these does not depend on the kind of the key pair."""
OF_EVERY_TOKEN = {
    *("iss", "sub", "client_id", "username", "sid", "gen", "jti", "iat", "exp", "auth_time", "amr"),
}


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def status_with(api: Api, token: str) -> int:
    return (await api.client(Authorization=f"Bearer {token}").get("/profile")).status_code


@on_sqlite
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("settings", "issuer", "audience"),
    (
        ({}, "jwtapi", None),
        ({"public_url": URL}, URL, None),
        ({"token_audience": "orders"}, "jwtapi", "orders"),
        ({"public_url": URL, "token_audience": "https://api.example"}, URL, "https://api.example"),
    ),
    ids=("neither", "PUBLIC_URL", "TOKEN_AUDIENCE", "both"),
)
async def test_the_issuer_is_the_public_url_and_the_audience_is_the_setting_or_the_issuer(
    run_api: RunApi, algorithm: str, settings: dict[str, str], issuer: str, audience: str | None
) -> None:
    async with run_api(signing_algorithm=algorithm, **settings) as api:
        alice = await api.signed_in()
        claims = claims_of(token_of(alice))
        assert (await alice.get("/profile")).status_code == 200
    if audience is None and algorithm != "HS256":
        audience = issuer
    assert claims["iss"] == issuer
    assert claims.get("aud") == audience
    with_roles = {"roles"} if algorithm == "HS256" else set()
    assert claims.keys() == OF_EVERY_TOKEN | with_roles | ({"aud"} if audience is not None else set())
    assert claims["client_id"] == "jwtapi"


@on_sqlite
async def test_a_token_of_a_key_pair_names_roles_only_if_there_are_some(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        without = await api.signed_in()
        await api.set_roles("editor", "staff")
        of_editor = await sign_in(api.client())
        await api.set_roles()
        again = await sign_in(api.client())
        assert [claims_of(token_of(each)).get("roles") for each in (without, of_editor, again)] == [
            None,
            ["editor", "staff"],
            None,
        ]
        # Each token states the roles of its moment, so only one without roles is good now.
        assert [await status_with(api, token_of(each)) for each in (without, of_editor, again)] == [200, 401, 200]


@on_sqlite
@pytest.mark.parametrize("algorithm", ("HS256", *KEY_PAIRS))
async def test_the_header_names_the_algorithm_the_type_and_the_key_and_nothing_else(
    run_api: RunApi, algorithm: str
) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        header = token_of(await api.signed_in()).partition(".")[0]
        kids = [jwk["kid"] for jwk in api.services[KeyRing].published()]
    text = base64.urlsafe_b64decode(header + "==").decode()
    if algorithm == "HS256":
        assert text == '{"alg":"HS256","typ":"at+jwt"}'  # byte for byte what earlier versions sent
    else:
        (kid,) = kids
        assert text == f'{{"alg":"{algorithm}","typ":"at+jwt","kid":"{kid}"}}'


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_tokens_from_before_the_public_url_was_set_are_accepted(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        before = token_of(await api.signed_in())
    async with run_api(signing_algorithm=algorithm, public_url=URL) as api:
        after = token_of(await sign_in(api.client()))
        assert [claims_of(token)["iss"] for token in (before, after)] == ["jwtapi", URL]
        assert [await status_with(api, token) for token in (before, after)] == [200, 200]
    async with run_api(signing_algorithm=algorithm, public_url="https://other.example.com") as api:
        assert [await status_with(api, token) for token in (before, after)] == [200, 401]


@on_sqlite
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_for_another_audience_is_refused(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm, token_audience="orders") as api:
        foreign = token_of(await api.signed_in())
    for settings in ({"token_audience": "billing"}, {}, {"public_url": URL}):
        async with run_api(signing_algorithm=algorithm, **settings) as api:
            response = await api.client(Authorization=f"Bearer {foreign}").get("/profile")
            assert error_of(response)[:2] == (401, "token_invalid")
            assert await status_with(api, token_of(await sign_in(api.client()))) == 200


@on_sqlite
async def test_an_hs256_token_from_before_the_audience_was_set_is_accepted_and_one_of_a_key_pair_is_not(
    run_api: RunApi,
) -> None:
    for algorithm, status in (("HS256", 200), ("ES256", 401)):
        async with run_api(signing_algorithm=algorithm) as api:
            client = await sign_in(api.client()) if algorithm == "ES256" else await api.signed_in()
            api.clock.advance(3601)  # the key pair takes over from the secret
            before = token_of(await sign_in(client))
            assert jwt.get_unverified_header(before)["alg"] == algorithm
        async with run_api(signing_algorithm=algorithm, token_audience="orders") as api:
            assert await status_with(api, before) == status


@on_sqlite
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_expires_with_its_session_at_the_latest(run_api: RunApi, algorithm: str) -> None:
    settings = {"session_max_age": 1000, "refresh_token_ttl": 1000, "access_token_ttl": 900}
    async with run_api(signing_algorithm=algorithm, **settings) as api:
        client = api.client()
        alice = {"username": "alice", "password": PASSWORD}
        await client.post("/register", json=alice)
        login = (await client.post("/login", json=alice)).json()
        ends = claims_of(login["accessToken"])["iat"] + 1000
        assert claims_of(login["accessToken"])["exp"] == ends - 100
        api.clock.advance(400)
        refreshed = (await client.post("/refresh")).json()
        claims = claims_of(refreshed["accessToken"])
        assert claims["exp"] == ends
        assert refreshed.get("expiresIn", claims["exp"] - claims["iat"]) == 600


@on_sqlite
async def test_a_token_does_not_outlive_a_session_that_ends_unless_it_is_refreshed(run_api: RunApi) -> None:
    """Nobody tells services when such a session ends."""
    async with run_api(refresh_token_ttl=600, access_token_ttl=900) as api:
        alice = await api.signed_in()
        login = claims_of(token_of(alice))
        assert login["exp"] == login["iat"] + 600
        api.clock.advance(500)
        again = (await alice.post("/api/reauthenticate", json={"password": PASSWORD})).json()
        assert claims_of(again["accessToken"])["exp"] == login["exp"]


@on_sqlite
@pytest.mark.parametrize(("algorithm", "longest"), (("ES256", 1000), ("EdDSA", 1000), ("RS256", 1300)))
async def test_a_token_is_short_enough_for_a_header_even_with_the_longest_name(
    run_api: RunApi, algorithm: str, longest: int
) -> None:
    async with run_api(signing_algorithm=algorithm, public_url=URL, token_audience="https://api.example.com") as api:
        alice = await api.signed_in("a" * 64)
        await api.set_roles("admin", "staff", username="a" * 64)
        token = token_of(await sign_in(alice, "a" * 64))
    assert len(token) < longest


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def with_mac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """Make a token with HS256. PyJWT would refuse a public key as a secret."""
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


@on_sqlite
@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_no_secret_makes_a_token_where_key_pairs_sign(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        good = token_of(await api.signed_in())
        jwk = (await api.client().get("/.well-known/jwks.json")).json()["keys"][0]
        public = jwt.PyJWK(jwk).key
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        secrets = (
            *(JWT_SECRET.encode(), pem, pem.strip(), json.dumps(jwk).encode(), jwk["kid"].encode(), b""),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )
        for secret in secrets:
            for kid in ({}, {"kid": jwk["kid"]}, {"kid": "HS256"}, {"kid": ""}):
                for named in ("HS256", algorithm):
                    forged = with_mac({"alg": named, "typ": "at+jwt", **kid}, claims_of(good), secret)
                    assert await status_with(api, forged) == 401
        assert await status_with(api, good) == 200


@on_sqlite
@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_a_signature_by_another_key_or_by_a_key_in_the_header_is_refused(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        good = token_of(await api.signed_in())
        ours = jwt.get_unverified_header(good)["kid"]
        for other in KEY_PAIRS:
            pair = new_key_pair(other)
            for kid in (ours, pair.kid):
                for jwk in ({}, {"jwk": dict(pair.public_jwk)}, {"jku": "https://evil.example"}, {"x5c": ["a"]}):
                    for named in (algorithm, other):
                        header = {"alg": named, "typ": "at+jwt", "kid": kid, **jwk}
                        parts = (json.dumps(header), json.dumps(claims_of(good)))
                        signed = ".".join(encoded(part.encode()) for part in parts)
                        assert await status_with(api, f"{signed}.{encoded(pair.sign(signed.encode()))}") == 401
        assert await status_with(api, good) == 200


async def test_a_token_with_an_invented_key_costs_no_statement(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        good = token_of(await api.signed_in())
        _, payload, signature = good.split(".")
        with statements(api, sent_by_requests) as sent:
            for n in range(20):
                header = encoded(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": f"invented{n}"}).encode())
                assert await status_with(api, f"{header}.{payload}.{signature}") == 401
        assert sent == []
