"""A change of the secrets signs nobody out, for as long as the previous ones are known."""

import httpx
import jwt
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET, RunApi
from tests.support.api import Api, error_of

NEW_JWT = "4f1d8c0b7a69e25388c41d07f6ab93e5d2c7180f5be4396a"
NEW_REFRESH = "b6027e9d53f8a14cc9d0e87b2f61a3549e7d40c8b1f3256a"


@pytest.fixture
def on_new_secrets(run_api: RunApi) -> RunApi:
    return lambda **overrides: run_api(jwt_secret=NEW_JWT, refresh_secret=NEW_REFRESH, **overrides)


def kept(alice: httpx.AsyncClient, api: Api) -> httpx.AsyncClient:
    """Alice's client, calling the server with the new secrets."""
    cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    return api.client(Authorization=alice.headers["authorization"], Cookie=cookies)


async def test_tokens_under_the_previous_secrets_are_accepted(alice: httpx.AsyncClient, on_new_secrets: RunApi) -> None:
    async with on_new_secrets(jwt_secret_previous=JWT_SECRET, refresh_secret_previous=REFRESH_SECRET) as api:
        client = kept(alice, api)
        assert (await client.get("/profile")).status_code == 200
        answer = await client.post("/refresh")
        assert answer.status_code == 200
        jwt.decode(answer.json()["accessToken"], NEW_JWT, ["HS256"])
        jwt.decode(answer.cookies["refreshToken"], NEW_REFRESH, ["HS256"])


async def test_tokens_under_other_secrets_than_the_present_and_previous_ones_are_refused(
    alice: httpx.AsyncClient, on_new_secrets: RunApi
) -> None:
    async with on_new_secrets() as api:
        client = kept(alice, api)
        assert error_of(await client.get("/profile"))[:2] == (401, "token_invalid")
        assert error_of(await client.post("/refresh"))[:2] == (403, "refresh_token_invalid")


async def test_the_next_secret_can_be_set_as_the_previous_one_before_the_change(
    alice: httpx.AsyncClient, run_api: RunApi
) -> None:
    """So of several servers none refuses what another one that was changed earlier has made."""
    async with (
        run_api(jwt_secret=NEW_JWT, jwt_secret_previous=JWT_SECRET, refresh_secret_previous=NEW_REFRESH) as changed,
        run_api(jwt_secret_previous=NEW_JWT, refresh_secret_previous=NEW_REFRESH) as unchanged,
    ):
        answer = await kept(alice, changed).post("/refresh")
        renewed = unchanged.client(Authorization=f"Bearer {answer.json()['accessToken']}")
        assert (await renewed.get("/profile")).status_code == 200
