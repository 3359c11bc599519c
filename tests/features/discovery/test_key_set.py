import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import get_default_algorithms

from jwtapi.security.key_pairs import key_pairs_of_pem, new_key_pair
from jwtapi.security.key_ring import KeyRing, RingKey
from jwtapi.signing.service import SigningKeys
from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api, error_of

JWKS = "/.well-known/jwks.json"
PUBLIC_MEMBERS = {
    "ES256": {"kty", "crv", "x", "y", "kid", "alg", "use"},
    "EdDSA": {"kty", "crv", "x", "kid", "alg", "use"},
    "RS256": {"kty", "n", "e", "kid", "alg", "use"},
}


def new_pem(algorithm: str) -> str:
    new: dict[str, Callable[[], Any]] = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
    }
    pem: bytes = new[algorithm]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def jwk_of(pem: str, algorithm: str) -> dict[str, str]:
    """Return the private key, as another program writes it."""
    library = get_default_algorithms()[algorithm]
    jwk: dict[str, str] = json.loads(library.to_jwk(library.prepare_key(pem)))
    jwk.pop("key_ops", None)
    return jwk


async def key_set_of(api: Api) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = (await api.client().get(JWKS)).json()["keys"]
    return keys


@pytest.mark.parametrize("algorithm", PUBLIC_MEMBERS)
async def test_the_key_set_has_the_public_key_that_access_tokens_are_signed_with(
    run_api: RunApi, algorithm: str
) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        alice = await api.signed_in()
        token = alice.headers["Authorization"].removeprefix("Bearer ")
        (key,) = await key_set_of(api)
    assert key.keys() == PUBLIC_MEMBERS[algorithm]
    assert (key["alg"], key["use"]) == (algorithm, "sig")
    header = jwt.get_unverified_header(token)
    assert header == {"alg": algorithm, "typ": "at+jwt", "kid": key["kid"]}
    assert jwt.decode(token, jwt.PyJWK(key), [algorithm], audience="jwtapi", issuer="jwtapi")["username"] == "alice"


@on_sqlite
async def test_the_key_set_is_empty_while_only_the_secret_signs(api: Api) -> None:
    response = await api.client().get(JWKS)
    assert (response.status_code, response.json()) == (200, {"keys": []})


@on_sqlite
async def test_the_key_set_lists_the_newest_key_first(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        now = api.clock()
        pairs = [new_key_pair(algorithm) for algorithm in PUBLIC_MEMBERS]
        api.services[KeyRing].replace([RingKey(pair, now + timedelta(n)) for n, pair in enumerate(pairs)])
        assert [key["kid"] for key in await key_set_of(api)] == [pair.kid for pair in reversed(pairs)]


@on_sqlite
async def test_a_key_that_was_revoked_a_moment_ago_is_gone(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        revoked, other = new_key_pair("ES256"), new_key_pair("ES256")
        ring = api.services[KeyRing]
        ring.replace([RingKey(pair, api.clock()) for pair in (revoked, other)])
        assert len(await key_set_of(api)) == 2
        ring.revoke(revoked.kid)
        assert [key["kid"] for key in await key_set_of(api)] == [other.kid]


@pytest.mark.parametrize("algorithm", PUBLIC_MEMBERS)
async def test_no_private_member_is_published_even_if_the_database_has_it_beside_the_public_ones(
    run_api: RunApi, algorithm: str
) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        pem = new_pem(algorithm)
        (pair,) = key_pairs_of_pem(pem)
        private = jwk_of(pem, algorithm)
        wrong = private | dict(pair.public_jwk)
        assert "d" in wrong
        await api.sql(
            f"UPDATE signing_keys SET kid = '{pair.kid}', encrypted_private = NULL,"  # noqa: S608
            f" public_jwk = '{json.dumps(wrong)}'"
        )
        await api.services[SigningKeys].start()
        response = await api.client().get(JWKS)
    assert [key for key in response.json()["keys"] if key["kid"] == pair.kid] == [pair.public_jwk]
    assert not any(private[member] in response.text for member in private.keys() - pair.public_jwk.keys())


@on_sqlite
@pytest.mark.parametrize(("prepublish", "seconds"), ((3600, 300), (600, 300), (599, 299), (60, 30), (1, 0)), ids=str)
async def test_caches_keep_the_key_set_for_less_time_than_a_new_key_waits_to_sign(
    run_api: RunApi, prepublish: int, seconds: int
) -> None:
    settings = {"public_url": "https://auth.example.com", "signing_key_prepublish": prepublish}
    async with run_api(**settings) as api:
        for path in (JWKS, "/.well-known/oauth-authorization-server"):
            response = await api.client().get(path)
            assert response.headers["cache-control"] == f"public, max-age={seconds}"


@on_sqlite
async def test_a_server_that_has_not_loaded_its_keys_answers_503_instead_of_an_empty_set(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        api.services[KeyRing].replace([])
        response = await api.client().get(JWKS)
        assert error_of(response)[:2] == (503, "storage_unavailable")
        assert response.headers["cache-control"] == "no-store"
        await api.services[SigningKeys].start()
        assert len(await key_set_of(api)) == 1


@on_sqlite
async def test_the_key_set_answers_head_and_no_other_method_than_get(client: httpx.AsyncClient) -> None:
    head = await client.head(JWKS)
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "application/json")
    assert error_of(await client.post(JWKS))[:2] == (405, "method_not_allowed")
