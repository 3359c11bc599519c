"""Who administers: roles, API keys, second factors, limits, and what happens meanwhile."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE, Caller
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.web.dependencies import get_caller
from tests.conftest import RunApi, on_sqlite
from tests.support.administration import USERS, administrator, change, code_of, create, path_of
from tests.support.api import Api, error_of
from tests.support.api_keys import create_key, with_key
from tests.support.gate import held
from tests.support.mfa import sign_in_with, with_totp
from tests.support.routes import routes_of

KEPT = ("users", "user_roles", "sessions", "invitations", "totp_secrets")


@pytest.fixture
async def root(api: Api) -> httpx.AsyncClient:
    return await administrator(api)


async def every_request(api: Api, username: str = "alice") -> list[dict[str, Any]]:
    """Return a request of each operation of the administration that changes something, on this user."""
    path = await path_of(api, username)
    (session,) = (await (await administrator(api)).get(f"{path}/sessions")).json()["sessions"]
    session_id = session["id"]
    return [
        {"method": "POST", "url": USERS, "json": {"username": f"new{uuid4().hex}", "password": "x" * 40}},
        {"method": "POST", "url": "/api/admin/invitations", "json": {"email": "new@example.com"}},
        {"method": "PATCH", "url": path, "json": {"roles": []}},
        {"method": "PATCH", "url": path, "json": {"roles": ["admin"]}},
        {"method": "PATCH", "url": path, "json": {"disabled": True}},
        {"method": "PATCH", "url": path, "json": {"metadata": {"a": 1}}},
        {"method": "DELETE", "url": path},
        {"method": "POST", "url": f"{path}/force-password-reset"},
        {"method": "POST", "url": f"{path}/reset-link"},
        {"method": "POST", "url": f"{path}/reset-mfa"},
        {"method": "DELETE", "url": f"{path}/sessions"},
        {"method": "DELETE", "url": f"{path}/sessions/{session_id}"},
        {"method": "POST", "url": f"{path}/keys", "json": {"name": "x"}},
        {"method": "DELETE", "url": f"{path}/keys/{uuid4()}"},
    ]


async def kept(api: Api) -> list[Any]:
    """Return what the administration can change. When a key was last used is written in the background."""
    tables = [await api.sql(f"SELECT * FROM {table}") for table in KEPT]  # noqa: S608  names of ours
    return [sorted(rows, key=str) for rows in (*tables, await api.sql("SELECT id, name, roles FROM api_keys"))]


@on_sqlite
async def test_nobody_without_the_role_administers(api: Api, alice: httpx.AsyncClient) -> None:
    guarded = [route for route in routes_of(api.services.settings) if route.path.startswith("/api/admin")]
    assert len(guarded) >= 15
    key = await create_key(api)
    for method, path in guarded:
        for client in (alice, with_key(api, key.text)):
            assert error_of(await client.request(method, path))[:2] == (403, "role_required"), (method, path)


async def test_an_api_key_reads_and_takes_away_but_gives_nothing(
    api: Api, root: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    await change(root, await path_of(api), roles=["staff", "editor"])
    key = await create_key(api, "root", roles=["admin"])
    program, path = with_key(api, key.text), await path_of(api)
    assert (await program.get(path)).json()["roles"] == ["staff", "editor"]
    assert (await change(program, path, roles=["staff"])).json()["roles"] == ["staff"]
    assert (await change(program, path, disabled=True)).json()["state"] == "disabled"
    assert error_of(await alice.get("/profile"))[0] == 401
    event = (await api.events())[-1]
    assert (event.actor_id, (event.details or {})["key_id"]) == ((await api.user("root")).id, str(key.key.id))
    before = await kept(api)
    for wanted in ({"roles": ["staff", "editor"]}, {"disabled": False}, {"metadata": {"a": 1}}):
        assert error_of(await change(program, path, **wanted))[:2] == (403, "session_required"), wanted
    for method, url in (
        ("POST", USERS),
        ("POST", "/api/admin/invitations"),
        *(("POST", f"{path}/{act}") for act in ("force-password-reset", "reset-link", "reset-mfa", "keys")),
    ):
        body = {"username": "x", "email": "x@example.com", "name": "x"}
        fields = {USERS: ("username",), "/api/admin/invitations": ("email",), f"{path}/keys": ("name",)}.get(url, ())
        response = await program.request(method, url, json={field: body[field] for field in fields} or None)
        assert error_of(response)[:2] == (403, "session_required"), url
    assert await kept(api) == before
    assert (await program.delete(f"{path}/sessions")).status_code == 204
    assert (await program.delete(path)).status_code == 204


@pytest.mark.usefixtures("alice")
async def test_what_gives_power_needs_a_recent_sign_in_and_what_takes_it_away_does_not(
    api: Api, root: httpx.AsyncClient
) -> None:
    path = await path_of(api)
    await change(root, path, roles=["staff"])
    api.clock.advance(601)
    refused = [
        request["url"].removeprefix(path) + str(sorted(request.get("json", {})))
        for request in await every_request(api)
        if request["method"] != "DELETE"
        and (await root.request(**request)).json().get("code") == "insufficient_user_authentication"
    ]
    assert len(refused) == 8
    assert (await change(root, path, roles=[])).status_code == 200
    unchanged: tuple[dict[str, Any], ...] = ({}, {"disabled": True}, {"metadata": {}})
    for nothing_new in unchanged:
        assert (await change(root, path, **nothing_new)).status_code == 200
    assert code_of(await change(root, path, disabled=False))[1] == "insufficient_user_authentication"
    assert (await root.delete(path)).status_code == 204


@pytest.mark.parametrize("lost", ("role", "state", "session", "key"))
@pytest.mark.usefixtures("alice")
async def test_an_administrator_who_loses_the_power_meanwhile_changes_nothing(api: Api, lost: str) -> None:
    """Each request is authenticated, and only then loses its administrator the power."""
    await administrator(api, "other")
    requests = await every_request(api)
    for request in requests:
        client = await administrator(api)
        if lost == "key":
            client = with_key(api, (await create_key(api, "root")).text)
        after: list[Any] = []

        async def lose() -> Caller:
            if lost == "role":
                await api.set_roles(username="root")
            elif lost == "state":
                await api.disable("root")
            elif lost == "key":
                await api.sql("DELETE FROM api_keys")
            else:
                await end_sessions(api, "root")
            after.append(await kept(api))  # noqa: B023  called in this turn of the loop
            return COMMAND_LINE

        api.app.dependency_overrides[get_caller] = lose
        response = await client.request(**request)
        del api.app.dependency_overrides[get_caller]
        code = response.json()["code"]
        if code == "session_required":
            assert lost == "key"
            continue
        assert code == ("role_required" if lost == "role" else "token_invalid"), request
        assert [await kept(api)] == after, request
        await api.enable("root")
        await api.set_roles("admin", username="root")


async def end_sessions(api: Api, username: str) -> None:
    sessions, user_id = api.services[SessionService], (await api.user(username)).id
    await api.services[Database].write(lambda uow: sessions.end_all(uow, user_id, COMMAND_LINE))


async def test_of_two_administrators_who_demote_each_other_at_once_one_succeeds(api: Api) -> None:
    clients = {name: await administrator(api, name) for name in ("ada", "bob")}
    paths = {name: await path_of(api, name) for name in clients}
    users = [await api.user(name) for name in clients]
    # Both requests are let in before either changes anything.
    async with held(api.services[Database].write, lambda uow: [uow.users.get_for_update(user.id) for user in users]):
        acts = [
            asyncio.create_task(change(clients["ada"], paths["bob"], roles=[])),
            asyncio.create_task(change(clients["bob"], paths["ada"], disabled=True)),
        ]
        await asyncio.wait(acts, timeout=0.5)
    answers = await asyncio.gather(*acts)
    assert sorted(answer.status_code for answer in answers)[:1] == [200]
    assert [answer.json()["code"] for answer in answers if answer.status_code != 200] in (
        ["role_required"],
        ["token_invalid"],
    )
    admins = await api.sql(
        "SELECT users.id FROM user_roles JOIN users ON users.id = user_id WHERE role = 'admin' AND disabled_at IS NULL"
    )
    assert len(admins) == 1


@pytest.mark.parametrize(
    "act", ({"roles": []}, {"roles": ["staff"]}, {"disabled": True}, "delete", "force-password-reset")
)
async def test_the_last_administrator_can_lock_out_nobody(api: Api, root: httpx.AsyncClient, act: Any) -> None:
    await create(root, "robot", isServiceAccount=True, roles=["admin"])
    await administrator(api, "second")
    await api.disable("second")
    path = await path_of(api, "root")
    before = await kept(api)

    async def ask() -> httpx.Response:
        if isinstance(act, dict):
            return await change(root, path, **act)
        return await (root.delete(path) if act == "delete" else root.post(f"{path}/{act}"))

    assert error_of(await ask())[:2] == (409, "last_administrator")
    assert await kept(api) == before
    await api.enable("second")
    assert (await ask()).status_code in {200, 204}


@pytest.mark.parametrize("required", ("admins", "all"))
async def test_where_a_second_factor_is_required_a_session_without_one_administers_nothing(
    run_api: RunApi, required: str
) -> None:
    async with run_api(mfa_required=required) as api:
        root = await administrator(api)
        key = await create_key(api, "root")
        path = await path_of(api, "root")
        for response in (await root.get(USERS), await change(root, path, metadata={"a": 1})):
            assert code_of(response) == (401, "insufficient_user_authentication")
        assert (await with_key(api, key.text).get(USERS)).status_code == 200
        app = await with_totp(api, root)
        assert code_of(await root.get(USERS))[0] == 401
        root = await sign_in_with(api.client(), app.next_code(), username="root")
        assert (await change(root, path, metadata={"a": 1})).status_code == 200


async def test_a_session_that_loses_the_required_factor_meanwhile_changes_nothing(run_api: RunApi) -> None:
    async with run_api(mfa_required="admins") as api:
        app = await with_totp(api, await administrator(api))
        root = await sign_in_with(api.client(), app.next_code(), username="root")
        await api.signed_in()

        async def lose() -> Caller:
            await api.sql("""UPDATE sessions SET amr = '["pwd"]'""")
            return COMMAND_LINE

        api.app.dependency_overrides[get_caller] = lose
        response = await change(root, await path_of(api), disabled=True)
        assert code_of(response) == (401, "insufficient_user_authentication")
        assert (await api.user()).disabled_at is None


async def test_a_session_without_the_factor_that_its_administrator_has_only_takes_away(
    api: Api, root: httpx.AsyncClient
) -> None:
    await with_totp(api, await administrator(api))
    await api.signed_in()
    path = await path_of(api)
    for response in (await change(root, path, roles=["staff"]), await root.post(f"{path}/reset-link")):
        assert code_of(response) == (401, "insufficient_user_authentication")
    assert (await change(root, path, disabled=True)).json()["state"] == "disabled"


@on_sqlite
async def test_administrators_are_limited_each_alone(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, admin_rate_limit="2/minute") as api:
        root, other = await administrator(api), await administrator(api, "other")
        answers = [(await root.get(USERS)).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert error_of(await root.get(f"{USERS}/{uuid4()}"))[1] == "too_many_attempts"
        assert (await other.get(USERS)).status_code == 200
