import asyncio

import httpx
import pytest

from tests.conftest import RunApi
from tests.support.api import PASSWORD, Api, refusal, register

TAKEN = (409, "username_taken", "Username already taken")


async def attempt(client: httpx.AsyncClient, username: object = "alice", password: object = PASSWORD) -> httpx.Response:
    return await client.post("/register", json={"username": username, "password": password})


async def test_a_new_user_is_registered(api: Api, client: httpx.AsyncClient) -> None:
    response = await attempt(client)
    async with api.resources.database.read() as uow:
        user = await uow.users.by_name("alice")
    assert user is not None
    assert response.status_code == 201
    assert response.json() == {"message": "User registered successfully", "id": str(user.id)}


async def test_the_password_of_the_tutorial_will_do_in_development(client: httpx.AsyncClient) -> None:
    assert (await attempt(client, password="mypassword")).status_code == 201


@pytest.mark.parametrize("name", ("alice", "Alice", "ＡＬＩＣＥ"))
async def test_a_name_that_looks_the_same_is_taken(client: httpx.AsyncClient, name: str) -> None:
    await register(client, "alice")
    assert refusal(await attempt(client, name)) == TAKEN


async def test_of_twenty_who_want_a_name_at_once_one_gets_it(api: Api) -> None:
    answers = await asyncio.gather(*(attempt(api.client(), name) for name in ["alice", "Alice"] * 10))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert await api.event_types() == ["user.registered"]


@pytest.mark.parametrize("name", ("two words", "tab\there", "zero\u200bwidth", "\u202eright", "a" * 65, "😀", "nul\0"))
async def test_a_name_with_characters_that_deceive_is_refused(client: httpx.AsyncClient, name: str) -> None:
    assert refusal(await attempt(client, name))[:2] == (400, "username_invalid")


@pytest.mark.parametrize("name", (5, ["alice"], {"$ne": None}, True))
async def test_a_name_that_is_no_text_is_refused_without_repeating_it(client: httpx.AsyncClient, name: object) -> None:
    response = await attempt(client, name)
    assert refusal(response) == (400, "validation_failed", "The request is not valid")
    assert response.json()["errors"] == [{"field": "username", "message": "Input should be a valid string"}]


@pytest.mark.parametrize("password", ("elevenchars", "x"))
async def test_a_short_password_is_refused_by_the_setting(run_api: RunApi, password: str) -> None:
    async with run_api(password_min_length=12) as api:
        response = await attempt(api.client(), password=password)
    assert refusal(response) == (400, "password_too_short", "Password must have at least 12 characters")
    assert [error["field"] for error in response.json()["errors"]] == ["password"]


async def test_a_password_of_more_than_a_thousand_characters_is_refused(client: httpx.AsyncClient) -> None:
    assert refusal(await attempt(client, password="x" * 1025))[:2] == (400, "password_too_long")


@pytest.mark.parametrize("password", ("passwordpassword", " " * 16, "jwtapijwtapijwtapi", "alicealicealice"))
async def test_with_the_blocklist_a_password_that_all_know_is_refused(run_api: RunApi, password: str) -> None:
    async with run_api(password_blocklist=True) as api:
        assert refusal(await attempt(api.client(), "alicealicealice", password))[:2] == (400, "password_too_common")


async def test_what_else_a_body_has_is_ignored(api: Api, client: httpx.AsyncClient) -> None:
    body = {"username": "alice", "password": PASSWORD, "roles": ["admin"], "id": 1, "disabledAt": None}
    assert (await client.post("/register", json=body)).status_code == 201
    async with api.resources.database.read() as uow:
        user = await uow.users.by_name("alice")
    assert user is not None
    assert user.roles == []


async def test_no_password_is_stored_or_repeated(api: Api, client: httpx.AsyncClient) -> None:
    response = await attempt(client)
    async with api.resources.database.read() as uow:
        user = await uow.users.by_name("alice")
    assert user is not None
    assert user.password_hash.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
    assert PASSWORD not in response.text
    assert user.password_hash not in repr(user)
