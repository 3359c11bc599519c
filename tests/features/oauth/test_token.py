import warnings

import httpx
import pytest

from tests.conftest import on_sqlite
from tests.support.api import BASE_URL, PASSWORD, Api, register

with warnings.catch_warnings(record=True):  # it prefers another HTTP client, and insists on saying so
    from authlib.integrations.httpx_client import AsyncOAuth2Client

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
async def alice_exists(client: httpx.AsyncClient) -> None:
    await register(client, "alice")


async def ask(client: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await client.post("/token", data=form)


def problem(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body.keys() == {"error", "error_description", "message", "code"}
    assert body["error"] == body["code"]
    assert body["error_description"] == body["message"]
    return response.status_code, body["error"]


async def test_the_token_endpoint_exchanges_a_password_for_both_tokens_without_a_cookie(
    client: httpx.AsyncClient,
) -> None:
    response = await ask(client, grant_type="password", username="alice", password=PASSWORD)
    body = response.json()
    assert response.status_code == 200
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers


async def test_the_token_endpoint_exchanges_a_refresh_token_for_the_next_one(
    api: Api, client: httpx.AsyncClient
) -> None:
    first = (await ask(client, grant_type="password", username="alice", password=PASSWORD)).json()["refresh_token"]
    second = (await ask(client, grant_type="refresh_token", refresh_token=first)).json()["refresh_token"]
    third = (await ask(client, grant_type="refresh_token", refresh_token=second)).json()["refresh_token"]
    assert len({first, second, third}) == 3
    api.clock.advance(11)
    assert problem(await ask(client, grant_type="refresh_token", refresh_token=first)) == (400, "invalid_grant")
    assert problem(await ask(client, grant_type="refresh_token", refresh_token=third)) == (400, "invalid_grant")


async def test_an_oauth2_client_library_signs_in_and_refreshes(api: Api) -> None:
    transport = httpx.ASGITransport(api.app)
    async with AsyncOAuth2Client(
        "any-client", "any-secret", transport=transport, base_url=BASE_URL, token_endpoint=f"{BASE_URL}/token"
    ) as oauth:
        await oauth.fetch_token(username="alice", password=PASSWORD)
        assert (await oauth.get("/profile")).json() == {"username": "alice"}
        before = oauth.token["access_token"]
        await oauth.refresh_token()
        assert oauth.token["access_token"] != before
        assert (await oauth.get("/profile")).json() == {"username": "alice"}


@on_sqlite
@pytest.mark.parametrize(
    ("form", "error"),
    (
        ({"grant_type": "password", "username": "alice", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody", "password": PASSWORD}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "a.b.c"}, "invalid_grant"),
        ({"grant_type": "password", "username": "alice"}, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": ""}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"username": "alice", "password": PASSWORD}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "alice", "password": PASSWORD, "scope": "all"}, "invalid_scope"),
    ),
)
async def test_a_refusal_of_the_token_endpoint_has_the_error_of_rfc_6749(
    client: httpx.AsyncClient, form: dict[str, str], error: str
) -> None:
    assert problem(await ask(client, **form)) == (400, error)


@on_sqlite
@pytest.mark.parametrize(
    ("form", "message"),
    (
        ({"grant_type": ""}, "grant_type is missing"),
        ({"grant_type": "password"}, "username and password are missing"),
        ({"grant_type": "password", "username": "alice"}, "password is missing"),
        ({"grant_type": "refresh_token"}, "refresh_token is missing"),
    ),
)
async def test_the_token_endpoint_names_each_missing_parameter(
    client: httpx.AsyncClient, form: dict[str, str], message: str
) -> None:
    assert (await ask(client, **form)).json()["error_description"] == message


@on_sqlite
@pytest.mark.parametrize(
    ("content", "content_type"),
    (
        (b"grant_type=password&grant_type=password&username=alice&password=x", FORM),
        (b"grant_type=password&username=%ff&password=x", FORM),
        (b"grant_type=password&username=\xff&password=x", FORM),
        (b"&".join(b"a%d=1" % n for n in range(50)), FORM),
        (b"grant_type=password&username=alice&password=x", "text/plain"),
        (b'{"grant_type": "password"}', "application/json"),
        (b"", FORM),
    ),
)
async def test_a_token_request_that_is_not_a_form_is_an_invalid_request(
    client: httpx.AsyncClient, content: bytes, content_type: str
) -> None:
    response = await client.post("/token", content=content, headers={"Content-Type": content_type})
    assert problem(response) == (400, "invalid_request")


async def test_a_token_request_with_a_compressed_form_is_an_invalid_request(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip"}
    assert problem(await client.post("/token", content=b"x", headers=headers)) == (400, "invalid_request")
