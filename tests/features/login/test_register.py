import asyncio

import httpx
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register, sign_in

TAKEN = (409, "username_taken", "Username already taken")


async def attempt(client: httpx.AsyncClient, username: object = "alice", password: object = PASSWORD) -> httpx.Response:
    return await client.post("/register", json={"username": username, "password": password})


async def test_a_new_user_is_registered(api: Api, client: httpx.AsyncClient) -> None:
    response = await attempt(client)
    user = await api.user()
    assert response.status_code == 201
    assert response.json() == {"message": "User registered successfully", "id": str(user.id)}


async def test_the_password_of_the_tutorial_is_accepted_in_development(client: httpx.AsyncClient) -> None:
    assert (await attempt(client, password="mypassword")).status_code == 201


@pytest.mark.parametrize("name", ("alice", "Alice", "ＡＬＩＣＥ"))
async def test_a_name_that_looks_the_same_is_taken(client: httpx.AsyncClient, name: str) -> None:
    await register(client, "alice")
    assert error_of(await attempt(client, name)) == TAKEN


async def test_of_twenty_simultaneous_registrations_of_a_name_one_succeeds(api: Api) -> None:
    answers = await asyncio.gather(*(attempt(api.client(), name) for name in ["alice", "Alice"] * 10))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert await api.event_types() == ["user.registered"]


@on_sqlite
@pytest.mark.parametrize("name", ("two words", "tab\there", "zero\u200bwidth", "\u202eright", "a" * 65, "😀", "nul\0"))
async def test_a_name_with_characters_that_deceive_is_refused(client: httpx.AsyncClient, name: str) -> None:
    assert error_of(await attempt(client, name))[:2] == (400, "username_invalid")


async def test_a_name_of_mixed_scripts_is_refused_and_a_user_who_has_one_can_still_sign_in(
    api: Api, client: httpx.AsyncClient
) -> None:
    response = await attempt(client, "аlice")  # the first letter is Cyrillic
    assert error_of(response)[:2] == (400, "username_invalid")
    assert "scripts" in response.json()["message"]
    assert [error["field"] for error in response.json()["errors"]] == ["username"]

    await register(client, "alice")
    await api.sql("UPDATE users SET username = 'аlice', canonical_username = 'аlice'")
    await sign_in(client, "аlice")
    assert (await client.get("/profile")).json() == {"username": "аlice"}


async def test_a_reserved_name_is_refused_whether_or_not_somebody_has_it(run_api: RunApi) -> None:
    async with run_api(reserved_usernames=("alice",)) as api:
        client = api.client()
        nobody = await attempt(client, "Alice")
        await register(client, "bob")
        await api.sql("UPDATE users SET username = 'alice', canonical_username = 'alice'")
        somebody = await attempt(client, "Alice")
        await sign_in(client, "alice")
    assert error_of(nobody) == (400, "username_reserved", "This username is reserved")
    assert [error["field"] for error in nobody.json()["errors"]] == ["username"]
    assert nobody.content == somebody.content


async def test_spaces_around_a_name_are_cut_and_those_around_a_password_are_not(client: httpx.AsyncClient) -> None:
    await register(client, " alice ", f" {PASSWORD} ")
    assert error_of(await attempt(client, "alice")) == TAKEN
    assert error_of(await attempt(client, "alice\u00a0")) == TAKEN
    for password in (PASSWORD, f" {PASSWORD}", f"{PASSWORD} "):
        response = await client.post("/login", json={"username": "alice", "password": password})
        assert error_of(response)[:2] == (401, "invalid_credentials")
    await sign_in(client, "  alice", f" {PASSWORD} ")
    assert (await client.get("/profile")).json() == {"username": "alice"}
    form = {"grant_type": "password", "username": "\u3000alice", "password": f" {PASSWORD} "}
    assert (await client.post("/token", data=form)).status_code == 200


@on_sqlite
@pytest.mark.parametrize("name", ("abuse", "Admin", "root", "postmaster", "ｗｗｗ"))
async def test_names_that_look_like_those_of_the_operator_are_reserved_by_default(
    client: httpx.AsyncClient, name: str
) -> None:
    assert error_of(await attempt(client, name))[:2] == (400, "username_reserved")


@on_sqlite
@pytest.mark.parametrize("name", (5, ["alice"], {"$ne": None}, True))
async def test_a_user_name_that_is_not_a_string_is_refused_without_repeating_it(
    client: httpx.AsyncClient, name: object
) -> None:
    response = await attempt(client, name)
    assert error_of(response) == (400, "validation_failed", "The request is not valid")
    assert response.json()["errors"] == [{"field": "username", "message": "Input should be a valid string"}]


@pytest.mark.parametrize("password", ("elevenchars", "x"))
async def test_a_password_shorter_than_the_setting_is_refused(run_api: RunApi, password: str) -> None:
    async with run_api(password_min_length=12) as api:
        response = await attempt(api.client(), password=password)
    assert error_of(response) == (400, "password_too_short", "Password must have at least 12 characters")
    assert [error["field"] for error in response.json()["errors"]] == ["password"]


async def test_a_password_of_more_than_a_thousand_characters_is_refused(client: httpx.AsyncClient) -> None:
    assert error_of(await attempt(client, password="x" * 1025))[:2] == (400, "password_too_long")


@on_sqlite
@pytest.mark.parametrize("password", ("passwordpassword", " " * 16, "jwtapijwtapijwtapi", "alicealicealice"))
async def test_a_well_known_password_is_refused_where_the_blocklist_is_on(run_api: RunApi, password: str) -> None:
    async with run_api(password_blocklist=True) as api:
        assert error_of(await attempt(api.client(), "alicealicealice", password))[:2] == (400, "password_too_common")


async def test_unknown_members_of_a_registration_are_ignored(api: Api, client: httpx.AsyncClient) -> None:
    body = {"username": "alice", "password": PASSWORD, "roles": ["admin"], "id": 1, "disabledAt": None}
    assert (await client.post("/register", json=body)).status_code == 201
    assert (await api.user()).roles == []


async def test_no_password_is_stored_or_repeated(api: Api, client: httpx.AsyncClient) -> None:
    response = await attempt(client)
    user = await api.user()
    assert user.password_hash is not None
    assert user.password_hash.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
    assert PASSWORD not in response.text
    assert user.password_hash not in repr(user)


@on_sqlite
@pytest.mark.parametrize("name", ("--help", "-x", "\uff0d-yes"))
async def test_a_name_that_a_command_would_take_for_an_option_is_refused(client: httpx.AsyncClient, name: str) -> None:
    refused = (400, "username_invalid", "Username must not begin with a hyphen")
    assert error_of(await attempt(client, name)) == refused
