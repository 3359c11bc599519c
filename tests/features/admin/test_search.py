"""GET /api/admin/users."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.conftest import on_sqlite
from tests.support.administration import USERS, administrator, change, create, path_of
from tests.support.api import Api, error_of
from tests.support.emails import set_email
from tests.support.statements import sent_by_the_handler, statements


@pytest.fixture
async def root(api: Api) -> httpx.AsyncClient:
    return await administrator(api)


async def names(admin: httpx.AsyncClient, **parameters: Any) -> list[str]:
    """Return the names of a page."""
    response = await admin.get(USERS, params=parameters)
    assert response.status_code == 200, response.text
    return [user["username"] for user in response.json()["users"]]


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


async def test_users_are_found_by_the_beginning_of_name_or_address_and_by_whole_ids(
    api: Api, root: httpx.AsyncClient
) -> None:
    for name in ("Alice", "alina", "Zoë", "Ålesund"):
        await create(root, name, password="x" * 40)
    await set_email(api, "Alfred.Nobel@bücher.example", "zoë")
    await api.sql("UPDATE users SET external_id = 'auth0|77' WHERE canonical_username = 'alina'")
    assert await names(root, query="AL") == ["Alice", "alina", "Zoë"]
    assert await names(root, query=" alic ") == ["Alice"]
    assert await names(root, query="ｚｏｅ̈") == ["Zoë"]
    assert await names(root, query="alfred.nobel@BÜCHER.example") == ["Zoë"]
    assert await names(root, query="alfred.nobel@xn--") == ["Zoë"]
    assert await names(root, query="nobel") == []
    assert await names(root, query="auth0|77") == ["alina"]
    assert await names(root, query="auth0|7") == []
    alice = await api.user("alice")
    assert await names(root, query=str(alice.id)) == ["Alice"]
    assert await names(root, query=str(alice.id).upper()) == ["Alice"]
    assert await names(root, query=str(alice.id)[:-1]) == []
    assert await names(root, query="%") == []
    assert await names(root, query="å") == ["Ålesund"]


async def test_role_state_and_query_restrict_each_other(api: Api, root: httpx.AsyncClient) -> None:
    for name, roles in (("anna", ["staff"]), ("anton", ["staff", "boss"]), ("berta", ["staff"]), ("carl", [])):
        await create(root, name, password="x" * 40, roles=roles)
    await create(root, "abacus", isServiceAccount=True, roles=["staff"])
    await change(root, await path_of(api, "anton"), disabled=True)
    assert await names(root, role="staff") == ["abacus", "anna", "anton", "berta"]
    assert await names(root, role="staff", state="enabled", query="a") == ["abacus", "anna"]
    assert await names(root, state="disabled") == ["anton"]
    assert await names(root, state="disabled", role="boss", sort="-createdAt") == ["anton"]
    assert await names(root, state="service") == ["abacus"]
    assert await names(root, role="sta") == []
    await change(root, await path_of(api, "anton"), roles=["staff"])
    assert await names(root, role="boss") == []


async def test_pages_follow_each_other_without_gaps_and_repetitions_each_by_one_statement(
    api: Api, root: httpx.AsyncClient
) -> None:
    for number in (3, 1, 4, 2, 5):
        if number != 2:  # 2 is of the same moment as 4, so that their ids decide
            api.clock.advance(1)
        await create(root, f"user{number}", password="x" * 40, roles=["staff"])
    created = await names(root, sort="createdAt")
    assert (created[1:3], created[-1], set(created[3:5])) == (["user3", "user1"], "user5", {"user2", "user4"})
    for query in ({}, {"query": "user"}, {"role": "staff"}):
        expected = [name for name in created if query == {} or name != "root"]
        for sort in ("username", "-username", "createdAt", "-createdAt"):
            with statements(api, sent_by_the_handler) as sent:
                walked = await walk(root, **query, sort=sort, limit=2)
            in_order = expected if "createdAt" in sort else sorted(expected)
            assert walked == (in_order[::-1] if sort.startswith("-") else in_order)
            assert len(sent) == 3


async def walk(admin: httpx.AsyncClient, **parameters: Any) -> list[str]:
    """Return the names of all pages."""
    walked: list[str] = []
    while True:
        page = (await admin.get(USERS, params=parameters)).json()
        walked += [user["username"] for user in page["users"]]
        if page["next"] is None:
            return walked
        parameters["after"] = page["next"]


async def test_users_who_come_or_go_between_pages_neither_repeat_nor_hide_others(
    api: Api, root: httpx.AsyncClient
) -> None:
    for name in ("b", "c", "d"):
        await create(root, name, password="x" * 40)
    first = (await root.get(USERS, params={"limit": 2})).json()
    assert [user["username"] for user in first["users"]] == ["b", "c"]
    await create(root, "a", password="x" * 40)
    await root.delete(await path_of(api, "c"))
    assert await names(root, after=first["next"]) == ["d", "root"]


async def test_deleted_users_are_nobody(root: httpx.AsyncClient) -> None:
    created = await create(root, "alice", password="x" * 40, roles=["staff"])
    assert (await root.delete(f"{USERS}/{created['id']}")).status_code == 204
    for everybody in ({}, {"query": " "}, {"sort": "createdAt"}, {"sort": "-username"}, {"state": "enabled"}):
        assert await names(root, **everybody) == ["root"]
    for nobody in ({"query": created["id"]}, {"state": "disabled"}, {"role": "staff"}, {"query": created["id"][:8]}):
        assert await names(root, **nobody) == []


WRONG = (
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=-1", "limit"),
    ("limit=%D9%A1", "limit"),
    ("limit=1&limit=2", "limit"),
    ("state=asleep", "state"),
    ("sort=password_hash", "sort"),
    ("query=%FF", "query"),
    ("query=%00", "query"),
    ("query=" + "x" * 321, "query"),
    ("query=" + "x" * 5000, "query"),
    ("role=" + "x" * 1025, "role"),
    ("after=%F0%9F%98%80", "after"),
    ("after=" + "A" * 3000, "after"),
    ("after=e30", "after"),
    ("after=" + cursor("username"), "after"),
    ("after=" + cursor("username", 5), "after"),
    ("after=" + cursor("username", "a\0"), "after"),
    ("after=" + cursor("-username", "alice"), "after"),
    ("after=" + cursor("username", "alice", "bob"), "after"),
    ("sort=createdAt&after=" + cursor("createdAt", 10**30, "0" * 32), "after"),
    ("sort=createdAt&after=" + cursor("createdAt", *[True], "0" * 32), "after"),
    ("sort=createdAt&after=" + cursor("createdAt", 1.5, "0" * 32), "after"),
    ("sort=createdAt&after=" + cursor("createdAt", 1, "x"), "after"),
)


@on_sqlite
async def test_a_wrong_parameter_is_refused_by_its_name(root: httpx.AsyncClient) -> None:
    for query, field in WRONG:
        response = await root.get(f"{USERS}?{query}")
        assert error_of(response)[:2] == (400, "validation_failed"), query
        assert [error["field"] for error in response.json()["errors"]] == [field], query


async def test_a_cursor_that_a_client_makes_up_is_a_place_in_the_list(root: httpx.AsyncClient) -> None:
    await create(root, "alice", password="x" * 40)
    assert await names(root, after=cursor("username", "b")) == ["root"]
    assert await names(root, after=cursor("username", "\U0010ffff" * 50)) == []
    assert await names(root, sort="createdAt", after=cursor("createdAt", -62135596800000000, "f" * 32)) != []
    assert await names(root, sort="-createdAt", after=cursor("-createdAt", 253402300799999999, "f" * 32)) != []
