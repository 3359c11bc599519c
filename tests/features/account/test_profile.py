import httpx
import jwt
import pytest

from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import Api, error_of, sign_in

PATHS = ("/profile", "/api/profile", "/api/account", "/api/settings")
REQUIRED = (401, "access_token_required", "Access token required")
INVALID = (401, "token_invalid", "Invalid token")
EXPIRED = (401, "token_expired", "Token expired")


def access_token(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def resigned(client: httpx.AsyncClient, **claims: object) -> dict[str, str]:
    """The client's token with other claims, under the real secret."""
    changed = jwt.decode(access_token(client), JWT_SECRET, ["HS256"]) | claims
    token = jwt.encode({k: v for k, v in changed.items() if v is not ...}, JWT_SECRET, headers={"typ": "at+jwt"})
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ("/profile", "/api/profile"))
async def test_the_profile_has_the_name_of_the_signed_in_user(alice: httpx.AsyncClient, path: str) -> None:
    response = await alice.get(path)
    assert (response.status_code, response.json()) == (200, {"username": "alice"})


async def test_the_profile_shows_the_name_as_its_owner_wrote_it(api: Api) -> None:
    client = await api.signed_in("Zoë")
    assert (await client.get("/profile")).json() == {"username": "Zoë"}


@on_sqlite
@pytest.mark.parametrize("path", PATHS)
async def test_a_request_without_an_access_token_is_refused(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert error_of(response) == REQUIRED
    assert response.headers["www-authenticate"] == 'Bearer realm="jwtapi"'


@on_sqlite
@pytest.mark.parametrize("path", PATHS)
async def test_a_request_with_an_invalid_access_token_is_refused(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"Authorization": "Bearer a.b.c"})
    assert error_of(response) == INVALID
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@on_sqlite
@pytest.mark.parametrize("header", ("", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Token {token}"))
async def test_an_authorization_of_another_scheme_is_not_a_token(
    client: httpx.AsyncClient, alice: httpx.AsyncClient, header: str
) -> None:
    value = header.format(token=access_token(alice))
    assert error_of(await client.get("/profile", headers={"Authorization": value})) == REQUIRED


@on_sqlite
async def test_the_scheme_bearer_can_be_written_in_any_case(
    client: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    headers = {"Authorization": f"bEARER {access_token(alice)}"}
    assert (await client.get("/profile", headers=headers)).status_code == 200


@on_sqlite
async def test_a_request_with_two_authorization_headers_is_refused(
    client: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    header = ("Authorization", alice.headers["Authorization"])
    assert error_of(await client.get("/profile", headers=[header, header])) == INVALID


@on_sqlite
async def test_an_access_token_in_the_query_is_ignored(client: httpx.AsyncClient, alice: httpx.AsyncClient) -> None:
    response = await client.get("/profile", params={"access_token": access_token(alice)})
    assert error_of(response) == REQUIRED


async def test_an_access_token_expires_after_fifteen_minutes(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(14 * 60)
    assert (await alice.get("/profile")).status_code == 200
    api.clock.advance(60)
    assert error_of(await alice.get("/profile")) == EXPIRED


async def test_an_access_token_expires_with_its_session(run_api: RunApi) -> None:
    async with run_api(refresh_token_ttl=60, session_max_age=60) as api:
        alice = await api.signed_in()
        api.clock.advance(60)
        assert error_of(await alice.get("/profile")) == EXPIRED


@on_sqlite
@pytest.mark.parametrize(
    "claims",
    (
        {"sub": "00000000-0000-4000-8000-000000000000"},
        {"sub": "' OR '1'='1"},
        {"sub": ...},
        {"sid": "00000000-0000-4000-8000-000000000000"},
        {"sid": ...},
        {"jti": ["a"]},
        {"username": "bob"},
        {"roles": "admin"},
        {"roles": ["admin"]},
        {"roles": [1]},
        {"aud": "somebody else"},
        {"iss": "another"},
    ),
)
async def test_an_access_token_with_other_claims_is_refused(
    client: httpx.AsyncClient, alice: httpx.AsyncClient, claims: dict[str, object]
) -> None:
    assert error_of(await client.get("/profile", headers=resigned(alice, **claims))) == INVALID


@on_sqlite
async def test_unknown_claims_of_an_access_token_are_ignored(
    client: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    assert (await client.get("/profile", headers=resigned(alice, whatever={"a": 1}))).status_code == 200


async def test_the_access_token_of_a_disabled_or_deleted_user_is_refused_from_the_next_request_on(
    api: Api, alice: httpx.AsyncClient
) -> None:
    assert (await alice.get("/profile")).status_code == 200
    await api.disable()
    assert error_of(await alice.get("/profile")) == INVALID
    await api.enable()
    await sign_in(alice)
    assert (await alice.get("/profile")).status_code == 200
    await api.delete()
    assert error_of(await alice.get("/profile")) == INVALID
