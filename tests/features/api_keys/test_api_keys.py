"""Making, using and revoking API keys."""

import asyncio
import logging
from datetime import UTC, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog

from jwtapi.api_keys.uses import EXACTNESS
from jwtapi.clients.scopes import Scope
from jwtapi.housekeeping import Housekeeping
from tests.conftest import RunApi, on_sqlite
from tests.security.test_api_keys import with_checksum
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.api_keys import create_key, make_key, roles_of, with_key
from tests.support.clients import new_client
from tests.support.emails import set_email, set_pending_email, undo_token, verify_email
from tests.support.mfa import sign_in_with, with_totp
from tests.support.statements import sent_by_the_handler, statements

REFUSED = (401, "token_invalid", "Invalid token")
NOT_FOUND = (404, "not_found", "Not Found")
NO_SESSION = (403, "session_required", "Sign in to do this. API keys must not.")


def iso(moment: Any) -> str:
    text: str = moment.isoformat().replace("+00:00", "Z")
    return text


async def test_a_key_is_shown_once_and_listed_without_the_key(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("admin", "staff", "käse")
    await sign_in(alice)
    expires = iso(api.clock() + timedelta(days=30))
    made = await make_key(alice, name="Nightly backup 🦆", expiresAt=expires, roles=["käse", "admin"])
    assert made == {
        "id": made["id"],
        "key": made["key"],
        "name": "Nightly backup 🦆",
        "roles": ["admin", "käse"],
        "createdAt": iso(api.clock()),
        "expiresAt": expires,
    }
    listed = await alice.get("/api/keys")
    del made["key"]
    assert listed.json() == {"keys": [made | {"lastUsedAt": None}]}
    (event,) = [event for event in await api.events() if event.type == "api_key.created"]
    assert event.details == {"api_key_id": made["id"], "name": "Nightly backup 🦆"}


async def test_a_key_acts_as_its_user_wherever_it_may(api: Api, alice: httpx.AsyncClient) -> None:
    keyed = with_key(api, (await make_key(alice))["key"])
    assert (await keyed.get("/profile")).json() == {"username": "alice"}
    assert (await keyed.get("/api/account")).json()["username"] == "alice"
    assert (await keyed.patch("/api/settings", json={"theme": "dark"})).status_code == 200
    assert (await alice.get("/api/settings")).json() == {"theme": "dark"}


async def test_forward_auth_names_the_user_of_a_key_and_an_empty_session(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("staff")
    keyed = with_key(api, (await make_key(await sign_in(alice)))["key"])
    for _ in range(2):  # the second answer comes from memory
        headers = (await keyed.get("/auth/verify")).headers
        assert {name: value for name, value in headers.items() if name.startswith("x-auth-")} == {
            "x-auth-user": "alice",
            "x-auth-user-id": str((await api.user()).id),
            "x-auth-roles": "staff",
            "x-auth-session": "",
        }


async def test_a_key_has_at_most_the_roles_that_its_owner_has_now(api: Api, alice: httpx.AsyncClient) -> None:
    await api.signed_in("boss")
    await api.set_roles("admin", username="boss")  # alice could not lose the role if she were the last one who has it
    await api.set_roles("admin", "staff")
    await sign_in(alice)
    asked = {"all": None, "some": ["staff"], "none": []}
    clients = {name: with_key(api, (await make_key(alice, roles=roles))["key"]) for name, roles in asked.items()}

    async def roles() -> dict[str, list[str] | None]:
        return {name: await roles_of(client) for name, client in clients.items()}

    assert await roles() == {"all": ["admin", "staff"], "some": ["staff"], "none": []}
    await api.set_roles("admin", "editor")
    assert await roles() == {"all": ["admin", "editor"], "some": [], "none": []}
    await api.set_roles("staff", "editor")
    assert await roles() == {"all": ["staff", "editor"], "some": ["staff"], "none": []}


async def test_a_key_cannot_ask_for_a_role_that_its_owner_does_not_have(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("staff")
    await sign_in(alice)
    response = await alice.post("/api/keys", json={"name": "x", "roles": ["staff", "admin"]})
    assert error_of(response)[:2] == (400, "api_key_roles_invalid")
    assert response.json()["errors"][0]["field"] == "roles"
    assert (await alice.get("/api/keys")).json() == {"keys": []}
    assert "api_key.created" not in await api.event_types()


@on_sqlite
async def test_a_name_that_people_could_not_read_is_refused(alice: httpx.AsyncClient) -> None:
    for name in ("", " ", "x" * 65, "\x1b[2J", "a\nb", "\u202eabc", 5, None):
        response = await alice.post("/api/keys", json={"name": name})
        assert error_of(response)[0] == 400, name
        assert response.json()["errors"][0]["field"] == "name", name


@on_sqlite
async def test_an_expiry_in_the_past_too_late_or_in_another_form_is_refused(alice: httpx.AsyncClient) -> None:
    wrong: tuple[Any, ...] = (
        "2020-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2000000000",
        2000000000,
        "2099-01-01",
        "2099-01-01T00:00:00",
        "never",
        [],
    )
    for expires in wrong:
        response = await alice.post("/api/keys", json={"name": "x", "expiresAt": expires})
        assert error_of(response)[0] == 400, expires
        assert response.json()["errors"][0]["field"] == "expiresAt", expires


async def test_an_expiry_in_another_time_zone_is_answered_in_utc(api: Api, alice: httpx.AsyncClient) -> None:
    expires = (api.clock() + timedelta(days=1)).astimezone(timezone(timedelta(hours=2)))
    made = await make_key(alice, expiresAt=expires.isoformat())
    (listed,) = (await alice.get("/api/keys")).json()["keys"]
    assert made["expiresAt"] == listed["expiresAt"] == iso(expires.astimezone(UTC))


@on_sqlite
async def test_roles_in_another_form_are_refused(alice: httpx.AsyncClient) -> None:
    wrong: tuple[Any, ...] = ("admin", [5], [None], ["x" * 1025], ["x"] * 1025, {})
    for roles in wrong:
        response = await alice.post("/api/keys", json={"name": "x", "roles": roles})
        assert error_of(response)[:2] == (400, "validation_failed"), roles


@on_sqlite
async def test_a_misspelt_member_makes_no_key_without_a_bound(alice: httpx.AsyncClient) -> None:
    for member, value in (("expires", "2099-01-01T00:00:00Z"), ("ExpiresAt", "2099-01-01T00:00:00Z"), ("role", [])):
        response = await alice.post("/api/keys", json={"name": "x", member: value})
        assert error_of(response)[:2] == (400, "validation_failed"), member
        assert response.json()["errors"][0]["field"] == member
    assert (await alice.get("/api/keys")).json() == {"keys": []}


async def test_making_a_key_needs_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(601)
    response = await alice.post("/api/keys", json={"name": "x"})
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")


@pytest.mark.parametrize("required", ("admins", "all"))
async def test_where_a_second_factor_is_required_nobody_without_one_makes_a_key(run_api: RunApi, required: str) -> None:
    async with run_api(mfa_required=required) as api:
        alice = await api.signed_in()
        if required == "admins":
            await make_key(alice)
            await api.set_roles("admin")
            await sign_in(alice)
        response = await alice.post("/api/keys", json={"name": "x"})
        assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")
        app = await with_totp(api, alice)
        await make_key(await sign_in_with(api.client(), app.next_code()))


async def test_a_user_has_at_most_fifty_keys_also_if_two_are_made_at_once(api: Api, alice: httpx.AsyncClient) -> None:
    for _ in range(49):
        await create_key(api)
    answers = await asyncio.gather(*(alice.post("/api/keys", json={"name": "x"}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "too_many_api_keys"}


async def test_keys_that_a_user_makes_are_limited_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, api_key_rate_limit="2/hour") as api:
        alice, bob = await api.signed_in(), await api.signed_in("bob")
        for _ in range(2):
            await make_key(alice)
        assert error_of(await alice.post("/api/keys", json={"name": "x"}))[:2] == (429, "too_many_attempts")
        await make_key(bob)


async def test_a_wrong_key_is_refused_whatever_is_wrong_with_it(api: Api, alice: httpx.AsyncClient) -> None:
    made = await make_key(alice)
    right: str = made["key"]
    assert await roles_of(with_key(api, right)) == []
    other = (await make_key(alice))["key"]
    wrong = (
        with_checksum(f"{right[:30]}{'0' * 43}"),
        with_checksum(f"{right[:30]}{other[30:73]}"),
        with_checksum(f"{right[:29]}_{right[30:72]}{'0' if right[72] != '0' else '1'}"),
        right[:-1] + ("0" if right[-1] != "0" else "1"),
        with_checksum(f"jwtapi_{'0' * 22}_{right[30:73]}"),
        right + " ",
        right.lower() if right != right.lower() else right.upper(),
        "jwtapi_",
    )
    for key in wrong:
        assert error_of(await with_key(api, key).get("/profile")) == REFUSED
        assert error_of(await with_key(api, key).get("/api/account")) == REFUSED
    assert await roles_of(with_key(api, right)) == []


async def test_a_key_is_dead_while_its_owner_is_disabled(api: Api, alice: httpx.AsyncClient) -> None:
    keyed = with_key(api, (await make_key(alice))["key"])
    assert await roles_of(keyed) == []
    await api.disable()
    assert error_of(await keyed.get("/profile")) == REFUSED
    await api.enable()
    assert await roles_of(keyed) == []


async def test_a_key_dies_with_its_owner_and_is_deleted_with_the_row(api: Api, alice: httpx.AsyncClient) -> None:
    keyed = with_key(api, (await make_key(alice))["key"])
    assert await roles_of(keyed) == []
    assert (await alice.request("DELETE", "/api/account", json={"password": PASSWORD})).status_code == 204
    assert error_of(await keyed.get("/profile")) == REFUSED
    api.clock.advance(600)
    await api.services[Housekeeping].clean_up()
    assert await api.sql("SELECT count(*) FROM api_keys") == [(0,)]


async def test_a_key_is_refused_from_its_expiry_on_and_deleted_by_housekeeping(
    api: Api, alice: httpx.AsyncClient
) -> None:
    forever = with_key(api, (await make_key(alice))["key"])
    keyed = with_key(api, (await make_key(alice, expiresAt=iso(api.clock() + timedelta(seconds=60))))["key"])
    assert await roles_of(keyed) == []
    api.clock.advance(60)
    assert error_of(await keyed.get("/profile")) == REFUSED
    assert error_of(await keyed.get("/api/settings")) == REFUSED
    api.clock.advance(1)
    await api.services[Housekeeping].clean_up()
    assert len((await alice.get("/api/keys")).json()["keys"]) == 1
    assert await roles_of(forever) == []


async def test_a_revoked_key_is_refused_from_the_next_request_on_and_others_go_on(
    api: Api, alice: httpx.AsyncClient
) -> None:
    made, other = await make_key(alice), await make_key(alice)
    keyed = with_key(api, made["key"])
    assert await roles_of(keyed) == []
    response = await alice.delete(f"/api/keys/{made['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert error_of(await keyed.get("/profile")) == REFUSED
    assert await roles_of(with_key(api, other["key"])) == []
    assert (await alice.get("/profile")).status_code == 200
    (event,) = [event for event in await api.events() if event.type == "api_key.revoked"]
    assert event.details == {"api_key_id": made["id"], "name": "backup"}


async def test_keys_of_others_revoked_ones_and_unknown_ones_take_the_same_statements_to_be_not_found(
    api: Api, alice: httpx.AsyncClient
) -> None:
    bob = await api.signed_in("bob")
    of_bob, revoked = await make_key(bob), await make_key(alice)
    await alice.delete(f"/api/keys/{revoked['id']}")
    await alice.get("/profile")
    sent_for = []
    for key_id in (of_bob["id"], revoked["id"], str(uuid4())):
        with statements(api, sent_by_the_handler) as sent:
            assert error_of(await alice.delete(f"/api/keys/{key_id}")) == NOT_FOUND
        sent_for.append([sql for sql, _ in sent if sql.startswith(("DELETE", "INSERT", "SELECT"))])
    assert sent_for[0]
    assert sent_for == [sent_for[0]] * 3
    assert await roles_of(with_key(api, of_bob["key"])) == []
    assert len((await alice.get("/api/keys")).json()["keys"]) == 0
    assert "api_key.revoked" not in await api.event_types("bob")


async def test_of_requests_that_revoke_the_same_key_at_once_one_finds_it(api: Api, alice: httpx.AsyncClient) -> None:
    made = await make_key(alice)
    answers = await asyncio.gather(*(alice.delete(f"/api/keys/{made['id']}") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 4
    assert (await api.event_types()).count("api_key.revoked") == 1


async def test_a_logout_with_a_key_ends_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    key = (await make_key(alice))["key"]
    with_cookie = with_key(api, key)
    with_cookie.cookies = alice.cookies
    for client in (with_key(api, key), with_cookie):
        for query in ("", "?everywhere=true"):
            assert error_of(await client.post(f"/logout{query}")) == NO_SESSION
    assert (await alice.get("/profile")).status_code == 200
    assert (await alice.post("/refresh")).status_code == 200
    assert await roles_of(with_key(api, key)) == []


async def test_no_log_line_contains_a_key(api: Api, alice: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logs:
        key = (await make_key(alice))["key"]
        wrong = key[:-1] + "!"
        for sent in (key, wrong):
            for path in ("/profile", "/api/account", "/api/keys", "/logout", "/introspect"):
                await with_key(api, sent).request("POST" if path in {"/logout", "/introspect"} else "GET", path)
    assert len(logs) > 10
    text = f"{logs!r} {caplog.text}"
    assert key[30:73] not in text


async def test_introspection_states_what_a_key_allows(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("editor", "staff")
    await sign_in(alice)
    billing = await new_client(api, Scope.INTROSPECT)

    async def ask(token: str) -> dict[str, Any]:
        body: dict[str, Any] = (
            await api.client().post("/introspect", data={"token": token}, auth=billing.basic)
        ).json()
        return body

    made = await make_key(alice, roles=["editor"], expiresAt=iso(api.clock() + timedelta(hours=1)))
    common = {"active": True, "token_type": "Bearer", "sub": str((await api.user()).id), "username": "alice"}
    exp = int((api.clock() + timedelta(hours=1)).timestamp())
    assert await ask(made["key"]) == common | {"roles": ["editor"], "exp": exp}
    assert await ask((await make_key(alice))["key"]) == common | {"roles": ["editor", "staff"]}
    assert await ask(made["key"][:-1] + "!") == {"active": False}
    await alice.delete(f"/api/keys/{made['id']}")
    assert await ask(made["key"]) == {"active": False}


async def test_a_key_cannot_be_revoked_as_an_oauth2_token(api: Api, alice: httpx.AsyncClient) -> None:
    key = (await make_key(alice))["key"]
    response = await api.client().post("/revoke", data={"token": key})
    assert error_of(response)[:2] == (400, "unsupported_token_type")
    assert await roles_of(with_key(api, key)) == []


async def test_the_use_of_a_key_is_recorded_at_most_once_in_five_minutes(api: Api, alice: httpx.AsyncClient) -> None:
    made = await make_key(alice)
    keyed = with_key(api, made["key"])

    async def last_used() -> str | None:
        (key,) = (await alice.get("/api/keys")).json()["keys"]
        used: str | None = key["lastUsedAt"]
        return used

    async def use_until_recorded() -> str:
        before = await last_used()
        assert await roles_of(keyed) == []
        while (used := await last_used()) == before or used is None:
            await asyncio.sleep(0.01)
        return used

    first = await use_until_recorded()
    assert first == iso(api.clock())
    with statements(api, lambda sql: sql.startswith("UPDATE api_keys")) as sent:
        api.clock.advance(EXACTNESS.total_seconds() - 1)
        assert await roles_of(keyed) == []
        api.clock.advance(1)
        assert await use_until_recorded() == iso(api.clock())
    assert len(sent) == 1


async def test_the_first_verification_by_a_stranger_and_the_undo_of_an_address_revoke_every_key(api: Api) -> None:
    attacker = await api.signed_in()
    kept = with_key(api, (await make_key(attacker))["key"])
    assert (await verify_email(attacker, await set_pending_email(api, "alice@example.com"))).status_code == 200
    assert await roles_of(kept) == []
    until = api.clock() + timedelta(days=1)
    await set_email(api, "thief@example.com", former="alice@example.com", until=until)
    response = await api.client().post("/email/undo", json={"token": await undo_token(api)})
    assert response.status_code == 200, response.text
    assert await roles_of(kept) is None
    prepared = await api.signed_in("bob")
    keyed = with_key(api, (await make_key(prepared))["key"])
    assert (await verify_email(api.client(), await set_pending_email(api, "bob@example.com", "bob"))).status_code == 200
    assert await roles_of(keyed) is None
    assert "api_key.revoked" in await api.event_types("bob")


async def test_a_service_account_has_keys_and_no_other_way_in(api: Api, alice: httpx.AsyncClient) -> None:
    await api.sql("UPDATE users SET is_service_account = TRUE, password_hash = NULL")
    keyed = with_key(api, (await create_key(api)).text)
    assert (await keyed.get("/profile")).json() == {"username": "alice"}
    assert (await alice.post("/login", json={"username": "alice", "password": PASSWORD})).status_code == 401
