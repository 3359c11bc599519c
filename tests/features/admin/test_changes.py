"""What administrators change of users over HTTP."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from jwtapi.mail.outbox import Outbox
from tests.conftest import RunApi, on_sqlite
from tests.support.administration import USERS, administrator, change, code_of, create, path_of
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.api_keys import create_key, roles_of, with_key
from tests.support.emails import set_email, token_of
from tests.support.mfa import with_totp
from tests.support.smtp import Mailbox

DEAD = (401, "token_invalid", "Invalid token")


@pytest.fixture
async def root(api: Api) -> httpx.AsyncClient:
    return await administrator(api)


async def test_roles_state_and_metadata_change_together_with_one_event_each(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    path = await path_of(api)
    await change(root, path, roles=["staff"])
    changed = await change(root, path, roles=["boss"], disabled=True, metadata={"department": "sales"})
    assert changed.json() == (await root.get(path)).json()
    assert {name: changed.json()[name] for name in ("roles", "state", "metadata")} == {
        "roles": ["boss"],
        "state": "disabled",
        "metadata": {"department": "sales"},
    }
    events = (await api.events())[-4:]
    assert [event.type for event in events] == [
        "user.roles_changed",
        "user.disabled",
        "sessions.revoked",
        "user.metadata_changed",
    ]
    assert events[0].details == {"added": ["boss"], "removed": ["staff"]}
    actor = (await api.user("root")).id
    assert {(event.actor_id, event.user_id) for event in events} == {(actor, (await api.user()).id)}
    assert error_of(await alice.get("/profile")) == DEAD
    before = await api.event_types()
    await change(root, path, roles=["boss"], metadata={"department": "sales"})
    assert await api.event_types() == before
    assert (await change(root, path, disabled=False)).json()["state"] == "enabled"
    assert (await api.event_types())[-1] == "user.enabled"
    await sign_in(api.client())


async def test_a_change_that_is_refused_in_part_changes_nothing(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    path, before = await path_of(api), await api.event_types()
    api.clock.advance(601)
    response = await change(root, path, disabled=True, metadata={"a": 1})
    assert code_of(response)[1] == "insufficient_user_authentication"
    assert (await alice.get("/profile")).status_code == 200
    assert await api.event_types() == before


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"roles": ["a,b"]}, "roles_invalid"),
    ({"roles": ["x" * 1024]}, "roles_invalid"),
    ({"roles": ["x"] * 257}, "validation_failed"),
    ({"roles": "admin"}, "validation_failed"),
    ({"roles": None}, "validation_failed"),
    ({"disabled": "true"}, "validation_failed"),
    ({"metadata": []}, "validation_failed"),
    ({"metadata": {"a": "\0"}}, "metadata_invalid"),
    ({"metadata": {"a": "x" * 4096}}, "metadata_invalid"),
    ({"isServiceAccount": True}, "validation_failed"),
    ({"username": "bob"}, "validation_failed"),
)


@on_sqlite
@pytest.mark.usefixtures("alice")
async def test_a_wrong_change_is_refused(api: Api, root: httpx.AsyncClient) -> None:
    path = await path_of(api)
    for wanted, code in WRONG:
        assert error_of(await change(root, path, **wanted))[:2] == (400, code), wanted


async def test_who_is_not_there_is_not_found(root: httpx.AsyncClient) -> None:
    deleted = (await create(root, "alice", password=PASSWORD))["id"]
    assert (await root.delete(f"{USERS}/{deleted}")).status_code == 204
    for user_id in (deleted, str(uuid4()), "x", "%00"):
        path = f"{USERS}/{user_id}"
        for method, url, body in (
            ("GET", path, None),
            ("PATCH", path, {"disabled": True}),
            ("DELETE", path, None),
            ("POST", f"{path}/force-password-reset", None),
            ("POST", f"{path}/reset-link", None),
            ("POST", f"{path}/reset-mfa", None),
            ("GET", f"{path}/sessions", None),
            ("DELETE", f"{path}/sessions", None),
            ("DELETE", f"{path}/sessions/{uuid4()}", None),
            ("GET", f"{path}/keys", None),
            ("POST", f"{path}/keys", {"name": "x"}),
            ("DELETE", f"{path}/keys/{uuid4()}", None),
        ):
            assert error_of(await root.request(method, url, json=body)) == (404, "not_found", "Not Found"), (
                method,
                url,
            )


async def test_sessions_and_keys_are_only_those_of_the_user_in_the_path(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    await api.signed_in("bob")
    path, of_bob = await path_of(api), await path_of(api, "bob")
    key = await create_key(api)
    (session,) = (await root.get(f"{path}/sessions")).json()["sessions"]
    (listed,) = (await root.get(f"{path}/keys")).json()["keys"]
    assert (session["address"], session["amr"], listed["id"]) == ("203.0.113.7", ["pwd"], str(key.key.id))
    assert "key" not in listed
    for url in (f"{of_bob}/sessions/{session['id']}", f"{of_bob}/keys/{listed['id']}", f"{path}/sessions/x"):
        assert error_of(await root.delete(url))[0] == 404, url
    assert (await alice.get("/profile")).status_code == 200
    assert await roles_of(with_key(api, key.text)) == []
    assert (await root.delete(f"{path}/sessions/{session['id']}")).status_code == 204
    assert error_of(await root.delete(f"{path}/sessions/{session['id']}"))[0] == 404
    assert (await root.delete(f"{path}/keys/{listed['id']}")).status_code == 204
    assert error_of(await alice.get("/profile")) == DEAD
    assert await roles_of(with_key(api, key.text)) is None
    actor = (await api.user("root")).id
    assert [(event.type, event.actor_id) for event in (await api.events())[-2:]] == [
        ("session.revoked", actor),
        ("api_key.revoked", actor),
    ]


async def test_a_forced_password_ends_everything_and_sends_a_link_to_the_verified_address(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        root, alice = await administrator(api), await api.signed_in()
        await set_email(api, "alice@example.com")
        assert (await root.post(f"{await path_of(api)}/force-password-reset")).status_code == 204
        assert error_of(await alice.get("/profile")) == DEAD
        assert error_of(await alice.post("/login", json={"username": "alice", "password": PASSWORD}))[0] == 401
        assert (await root.get(await path_of(api))).json()["hasPassword"] is False
        api.services[Outbox].wake()
        token = await token_of(mailbox, "alice@example.com", "reset")
        new = "another password"
        assert (await alice.post("/password/reset", json={"token": token, "password": new})).status_code == 200
        await sign_in(alice, password=new)
        root_id = (await api.user("root")).id
        assert [event.type for event in await api.events() if event.actor_id == root_id] == [
            "user.password_removed",
            "sessions.revoked",
            "user.reset_link_sent",
        ]


async def test_a_link_that_is_sent_to_a_user_without_a_password_is_an_event(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        root = await administrator(api)
        await create(root, "alice", email="alice@example.com")
        await mailbox.next("alice@example.com")
        assert (await root.post(f"{await path_of(api)}/force-password-reset")).status_code == 204
        await token_of(mailbox, "alice@example.com", "reset")
        event = (await api.events())[-1]
        assert (event.type, event.actor_id) == ("user.reset_link_sent", (await api.user("root")).id)
        await api.disable()
        assert (await root.post(f"{await path_of(api)}/force-password-reset")).status_code == 204
        assert [event.type for event in await api.events()].count("user.reset_link_sent") == 1


async def test_the_notice_of_what_an_administrator_did_does_not_show_from_where(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        root = await administrator(api)
        await api.signed_in()
        await set_email(api, "alice@example.com")
        root.headers["User-Agent"] = "The browser of root"
        await root.delete(await path_of(api))
        mail = await mailbox.next("alice@example.com")
        assert "198.51.100." not in mail.text
        assert "browser of root" not in mail.text


async def test_a_reset_link_sets_a_password_once_and_not_for_the_disabled(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    path = await path_of(api)
    link = (await root.post(f"{path}/reset-link")).json()["link"]
    token = link.partition("token=")[2].partition("&")[0]
    for status in (200, 400):
        body = {"token": token, "password": "another password"}
        assert (await alice.post("/password/reset", json=body)).status_code == status
    await api.disable()
    assert error_of(await root.post(f"{path}/reset-link"))[:2] == (409, "user_disabled")
    assert [event.type for event in await api.events() if event.actor_id is not None] == ["user.reset_link_printed"]


async def test_a_reset_of_the_second_factors_lets_the_password_suffice(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    await with_totp(api, alice)
    path = await path_of(api)
    assert (await root.get(path)).json()["hasSecondFactor"] is True
    assert (await root.post(f"{path}/reset-mfa")).status_code == 204
    assert (await root.get(path)).json()["hasSecondFactor"] is False
    assert error_of(await alice.get("/profile")) == DEAD
    await sign_in(alice)


async def test_a_service_account_gets_no_way_to_sign_in(api: Api, root: httpx.AsyncClient) -> None:
    await create(root, "robot", isServiceAccount=True, roles=["staff"])
    path = await path_of(api, "robot")
    for act in ("force-password-reset", "reset-link"):
        assert error_of(await root.post(f"{path}/{act}"))[:2] == (409, "service_account")
    made = (await root.post(f"{path}/keys", json={"name": "nightly", "roles": ["staff"]})).json()
    assert await roles_of(with_key(api, made["key"])) == ["staff"]
    await register(api.client(), "alice")
    response = await root.post(f"{await path_of(api)}/keys", json={"name": "nightly"})
    assert error_of(response)[:2] == (409, "no_service_account")
