from datetime import timedelta
from typing import Any

import httpx

from jwtapi.web.pages import encode_cursor
from tests.conftest import RunApi, on_sqlite
from tests.features.admin_activity.people import add_key, administrator
from tests.support.api import Api, error_of, sign_in
from tests.support.statements import sent_by_the_handler, statements

PATH = "/api/admin/events"


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """Return the events of all pages, the newest first."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        response = await client.get(PATH, params=params | after)
        assert response.status_code == 200, response.text
        body = response.json()
        found += body["events"]
        if body["next"] is None:
            return found
        after = {"after": body["next"]}


async def types_of(client: httpx.AsyncClient, **params: Any) -> list[str]:
    return [event["type"] for event in await listed(client, **params)]


@on_sqlite
async def test_a_session_without_the_second_factor_that_administrators_must_have_is_refused(run_api: RunApi) -> None:
    async with run_api(mfa_required="admins") as api:
        response = await (await administrator(api)).get(PATH)
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")


async def test_events_are_found_by_user_actor_type_address_and_time(api: Api) -> None:
    ada = await administrator(api)
    await api.signed_in("alice")
    await api.client(address="2001:db8::7").post("/login", json={"username": "alice", "password": "wrong wrong"})
    alice = await api.user("alice")
    begun = api.clock()
    api.clock.advance(600)
    await ada.delete(f"/api/admin/users/{alice.id}/sessions")
    of_alice = ["login.failed", "login.succeeded", "user.registered"]
    assert await types_of(ada, user="alice") == ["sessions.revoked", *of_alice]
    assert await types_of(ada, user=str(alice.id).upper()) == ["sessions.revoked", *of_alice]
    assert await types_of(ada, user="ALICE", limit=1) == ["sessions.revoked", *of_alice]
    assert await types_of(ada, actor="ada") == ["sessions.revoked"]
    assert await types_of(ada, type="login.failed") == ["login.failed"]
    assert await types_of(ada, address="2001:DB8:0::7") == ["login.failed"]
    assert await types_of(ada, user="alice", to=(begun + timedelta(seconds=1)).isoformat()) == of_alice
    later = (begun + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert await types_of(ada, user="alice", **{"from": later}) == ["sessions.revoked"]
    assert await types_of(ada, user="alice", **{"from": later}, to=later) == []
    assert await types_of(ada, user="nobody") == []
    assert await types_of(ada, user="", type="", limit="") == await types_of(ada)


async def test_an_event_names_the_user_the_actor_and_the_request(api: Api) -> None:
    ada = await administrator(api)
    await api.signed_in("alice")
    alice, admin = await api.user("alice"), await api.user("ada")
    await ada.delete(f"/api/admin/users/{alice.id}/sessions", headers={"X-Request-ID": "mine"})
    (event,) = await listed(ada, actor=str(admin.id))
    assert event == {
        "id": event["id"],
        "at": api.clock().isoformat().replace("+00:00", "Z"),
        "type": "sessions.revoked",
        "userId": str(alice.id),
        "username": "alice",
        "sessionId": None,
        "actorId": str(admin.id),
        "actorUsername": "ada",
        "address": event["address"],
        "requestId": "mine",
        "details": event["details"],
    }
    assert event["address"].startswith("198.51.100.")
    assert event["details"]["count"] == 1


async def test_pages_follow_each_other_without_gaps_while_events_are_added(api: Api) -> None:
    ada = await administrator(api)
    for _ in range(5):
        await sign_in(api.client(), "ada")
    first = (await ada.get(PATH, params={"limit": 4})).json()
    whole = await listed(ada)
    await sign_in(api.client(), "ada")
    second = (await ada.get(PATH, params={"limit": 4, "after": first["next"]})).json()
    assert [event["id"] for event in first["events"] + second["events"]] == [event["id"] for event in whole[:8]]


async def test_a_page_of_each_list_is_one_statement(api: Api) -> None:
    ada = await administrator(api)
    for path in (
        f"{PATH}?user=ada&type=login.succeeded",
        *(f"/api/admin/{each}" for each in ("keys", "clients", "mails")),
    ):
        with statements(api, sent_by_the_handler) as sent:
            assert (await ada.get(path)).status_code == 200
        assert len(sent) == 1, path


WRONG = (
    ("after=x", "after"),
    ("after=%00", "after"),
    ("after=" + encode_cursor("-1"), "after"),
    ("after=" + encode_cursor("9" * 19), "after"),
    ("after=" + encode_cursor("1", "2"), "after"),
    ("after=W10", "after"),  # []
    ("after=eyJhIjoxfQ", "after"),  # {"a":1}
    ("after=" + "W" * 3000, "after"),
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=1e2", "limit"),
    ("limit=%D9%A1", "limit"),  # a digit of Arabic
    ("user=a%00b", "user"),
    ("user=two+words", "user"),
    ("actor=%FF", "actor"),
    ("type=LOGIN", "type"),
    ("type=" + "x" * 41, "type"),
    ("address=" + "1" * 65, "address"),
    ("address=a%0Ab", "address"),
    ("from=yesterday", "from"),
    ("from=2026-11-23T14:56:54", "from"),
    ("from=2026-02-30T00:00:00Z", "from"),
    ("from=0001-01-01T00:00:00%2B14:00", "from"),
    ("to=9999-12-31T23:59:59-14:00", "to"),
    ("from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", "to"),
    ("user=a&user=b", "user"),
    ("x=" + "x" * 5000, "query"),
)


@on_sqlite
async def test_a_wrong_query_is_refused_with_the_name_of_the_parameter(api: Api) -> None:
    ada = await administrator(api)
    for query, field in WRONG:
        for path in (PATH, f"{PATH}/export"):
            if path != PATH and field in {"after", "limit"}:
                continue
            response = await ada.get(f"{path}?format=csv&{query}")
            assert error_of(response)[:2] == (400, "validation_failed"), query
            assert [error["field"] for error in response.json()["errors"]] == [field], query


async def test_keys_of_all_users_are_listed_without_secrets_the_newest_first(api: Api) -> None:
    ada = await administrator(api)
    await api.signed_in("alice")
    added = []
    for number, username in enumerate(("alice", "ada", "alice")):
        api.clock.advance(1)
        added.append(await add_key(api, username, f"key {number}", roles=["staff"] if number else None))
    first = (await ada.get("/api/admin/keys", params={"limit": 2})).json()
    second = (await ada.get("/api/admin/keys", params={"limit": 2, "after": first["next"]})).json()
    assert [key["id"] for key in first["keys"] + second["keys"]] == [str(key.id) for key in reversed(added)]
    assert second["next"] is None
    assert second["keys"] == [
        {
            "id": str(added[0].id),
            "name": "key 0",
            "userId": str(added[0].user_id),
            "username": "alice",
            "roles": None,
            "createdAt": added[0].created_at.isoformat().replace("+00:00", "Z"),
            "expiresAt": None,
            "lastUsedAt": None,
        }
    ]
    await api.delete("alice")
    assert [key["username"] for key in (await ada.get("/api/admin/keys")).json()["keys"]] == ["ada"]
