import asyncio
from typing import Any

import httpx
import pytest

from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.statements import sent_by_the_handler, statements

PATH = "/api/account"
TAKEN = (409, "username_taken", "Username already taken")


async def test_a_new_name_is_in_the_account_and_signs_in_and_the_old_one_is_free(
    api: Api, alice: httpx.AsyncClient
) -> None:
    before = (await alice.get(PATH)).json()
    response = await alice.patch(PATH, json={"username": "Carol"})
    assert (response.status_code, response.json()) == (200, before | {"username": "Carol"})
    await sign_in(api.client(), "carol")
    await register(api.client(), "alice")
    renamed = next(event for event in await api.events("carol") if event.type == "user.renamed")
    assert renamed.details == {"from": "alice", "to": "Carol"}


async def test_an_access_token_with_the_old_name_is_refused_and_a_refresh_brings_the_new_one(
    alice: httpx.AsyncClient,
) -> None:
    assert (await alice.get("/profile")).status_code == 200
    await alice.patch(PATH, json={"username": "carol"})
    assert error_of(await alice.get("/profile"))[:2] == (401, "token_invalid")
    token = (await alice.post("/refresh")).json()["accessToken"]
    answer = await alice.get("/profile", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"username": "carol"}


async def test_a_user_may_write_the_present_name_otherwise_even_if_nobody_could_register_it(run_api: RunApi) -> None:
    async with run_api(reserved_usernames="") as api:
        await api.signed_in("zoë")
    async with run_api(reserved_usernames="zoë") as api:
        client = await sign_in(api.client(), "zoë")
        assert (await client.patch(PATH, json={"username": " ZOË "})).json()["username"] == "ZOË"


@pytest.mark.parametrize("body", ({}, {"username": "alice"}, {"username": " alice "}))
async def test_a_patch_that_changes_nothing_is_answered_with_the_account(
    api: Api, alice: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    response = await alice.patch(PATH, json=body)
    assert (response.status_code, response.json()["username"]) == (200, "alice")
    assert "user.renamed" not in await api.event_types()
    assert (await alice.get("/profile")).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "body",
    (
        {"id": "0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36"},
        {"email": "alice@example.com"},
        {"emailVerified": True},
        {"email_verified": True},
        {"pendingEmail": None},
        {"roles": ["admin"]},
        {"createdAt": "2026-11-23T14:56:54.403661Z"},
        {"username": "carol", "roles": ["admin"]},
        {"username": None},
        {"username": 5},
        [],
        None,
    ),
    ids=str,
)
async def test_no_other_member_of_an_account_can_be_written(alice: httpx.AsyncClient, body: Any) -> None:
    before = (await alice.get(PATH)).json()
    assert error_of(await alice.patch(PATH, json=body))[:2] == (400, "validation_failed")
    assert (await alice.get(PATH)).json() == before


@on_sqlite
@pytest.mark.parametrize(
    ("name", "code"),
    (
        ("", "username_invalid"),
        ("two words", "username_invalid"),
        ("-x", "username_invalid"),
        ("root", "username_reserved"),
    ),
)
async def test_a_new_name_must_be_one_that_can_be_registered(run_api: RunApi, name: str, code: str) -> None:
    async with run_api(reserved_usernames="root") as api:
        alice = await api.signed_in()
        assert error_of(await alice.patch(PATH, json={"username": name}))[:2] == (400, code)


async def test_the_name_of_another_user_is_refused(api: Api, alice: httpx.AsyncClient) -> None:
    await register(api.client(), "Bob")
    assert error_of(await alice.patch(PATH, json={"username": "bob"})) == TAKEN
    assert (await alice.get(PATH)).json()["username"] == "alice"


async def test_of_two_users_who_want_the_same_name_at_once_one_gets_it(api: Api, alice: httpx.AsyncClient) -> None:
    bob = await api.signed_in("bob")
    answers = await asyncio.gather(*(client.patch(PATH, json={"username": "carol"}) for client in (alice, bob)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await api.sql("SELECT count(*) FROM users WHERE canonical_username = 'carol'") == [(1,)]


async def test_a_taken_and_a_held_name_are_refused_after_the_same_statements(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await register(api.client(), "taken")
    held = await api.signed_in("held")
    assert (await held.request("DELETE", PATH, json={"password": PASSWORD})).status_code == 204
    found = []
    for name in ("taken", "held"):
        with statements(api, sent_by_the_handler) as sent:
            assert error_of(await alice.patch(PATH, json={"username": name})) == TAKEN
        found.append([statement.sql for statement in sent])
    assert found[0] == found[1]


async def test_a_new_name_needs_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(601)
    response = await alice.patch(PATH, json={"username": "carol"})
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")
    assert (await alice.get(PATH)).json()["username"] == "alice"


async def test_other_names_are_limited_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, rename_rate_limit="2/hour") as api:
        alice, bob = await api.signed_in(), await api.signed_in("bob")
        for _ in range(2):
            assert error_of(await alice.patch(PATH, json={"username": "bob"})) == TAKEN
        response = await alice.patch(PATH, json={"username": "bob"})
        assert (response.status_code, response.headers["retry-after"]) == (429, "3600")
        assert error_of(await bob.patch(PATH, json={"username": "ALICE"})) == TAKEN


async def test_other_spellings_of_the_name_are_limited_too(run_api: RunApi) -> None:
    """Each adds an event, so a user could otherwise fill the database."""
    async with run_api(rate_limit_enabled=True, rename_rate_limit="1/hour") as api:
        alice = await api.signed_in()
        assert (await alice.patch(PATH, json={"username": "ALICE"})).status_code == 200
        again = await sign_in(api.client())
        assert (await again.patch(PATH, json={"username": "Alice"})).status_code == 429
        assert (await again.patch(PATH, json={"username": "ALICE"})).status_code == 200  # it changes nothing
        assert await api.sql("SELECT count(*) FROM events WHERE type = 'user.renamed'") == [(1,)]


async def test_a_user_who_is_deleted_during_the_request_gets_no_new_name(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Database.write

    async def after_a_deletion(database: Database, unit: Any, **options: Any) -> Any:
        monkeypatch.setattr(Database, "write", write)
        await api.delete()
        return await write(database, unit, **options)

    monkeypatch.setattr(Database, "write", after_a_deletion)
    assert error_of(await alice.patch(PATH, json={"username": "carol"}))[:2] == (401, "token_invalid")
    assert await api.sql("SELECT count(*) FROM users WHERE canonical_username = 'carol'") == [(0,)]
