"""Requests whose session ends, or no longer suffices, after it was checked."""

from typing import Any

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE, Caller
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.web.dependencies import get_caller
from tests.features.passkeys.provoked import added
from tests.features.passkeys.test_passkeys import begin
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.authenticator import Authenticator
from tests.support.mfa import App, sign_in_with, with_totp

NEW = "a quite new password"
KEPT = ("users", "totp_secrets", "recovery_codes", "passkeys")


async def turn_on_totp(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:
    secret = (await client.post("/api/mfa/totp")).json()["secret"]
    return {"method": "POST", "url": "/api/mfa/totp/confirm", "json": {"code": App(api, secret, []).code()}}


async def turn_off_totp(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:
    await with_totp(api, client)
    return {"method": "DELETE", "url": "/api/mfa/totp"}


async def make_recovery_codes(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:
    await with_totp(api, client)
    return {"method": "POST", "url": "/api/mfa/recovery-codes"}


async def add_passkey(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001
    credential = Authenticator().create(await begin(client))
    return {"method": "POST", "url": "/api/passkeys", "json": {"credential": credential}}


async def remove_passkey(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001
    _, response = await added(client)
    return {"method": "DELETE", "url": f"/api/passkeys/{response.json()['id']}"}


async def remove_password(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001
    await added(client)
    await added(client)
    return {"method": "DELETE", "url": "/api/password"}


async def change_password(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001
    return {"method": "PUT", "url": "/api/password", "json": {"currentPassword": PASSWORD, "newPassword": NEW}}


async def set_first_password(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:
    await client.request(**await remove_password(api, client))
    return {"method": "PUT", "url": "/api/password", "json": {"newPassword": NEW}}


async def rename(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001
    return {"method": "PATCH", "url": "/api/account", "json": {"username": "bob"}}


async def delete(api: Api, client: httpx.AsyncClient) -> dict[str, Any]:
    await client.request(**await remove_password(api, client))
    return {"method": "DELETE", "url": "/api/account", "json": {}}


async def kept(api: Api) -> list[Any]:
    return [await api.sql(f"SELECT * FROM {table}") for table in KEPT]  # noqa: S608  names of ours


@pytest.mark.parametrize(
    "change",
    (
        turn_on_totp,
        turn_off_totp,
        make_recovery_codes,
        add_passkey,
        remove_passkey,
        remove_password,
        change_password,
        set_first_password,
        rename,
        delete,
    ),
)
async def test_a_session_that_the_owner_ends_meanwhile_changes_nothing(
    api: Api, alice: httpx.AsyncClient, change: Any
) -> None:
    request, user_id = await change(api, alice), (await api.user()).id

    async def end_all_sessions() -> Caller:
        sessions = api.services[SessionService]
        await api.services[Database].write(lambda uow: sessions.end_all(uow, user_id, COMMAND_LINE))
        return COMMAND_LINE

    before = await kept(api)
    api.app.dependency_overrides[get_caller] = end_all_sessions
    assert error_of(await alice.request(**request))[:2] == (401, "token_invalid")
    assert await kept(api) == before


@pytest.mark.parametrize("change", (add_passkey, change_password, rename))
async def test_a_session_without_the_factor_that_the_owner_adds_meanwhile_changes_nothing(
    api: Api, alice: httpx.AsyncClient, change: Any
) -> None:
    thief = await sign_in(api.client())
    request, confirm = await change(api, thief), await turn_on_totp(api, alice)
    before: list[Any] = []

    async def turn_it_on() -> Caller:
        if not before:
            before.append(None)
            assert (await alice.request(**confirm)).status_code == 200
            before[0] = await kept(api)
        return COMMAND_LINE

    api.app.dependency_overrides[get_caller] = turn_it_on
    assert (await thief.request(**request)).json()["code"] == "insufficient_user_authentication"
    assert await kept(api) == before[0]


async def test_a_remembered_device_changes_no_password(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    device = await sign_in_with(api.client(), app.next_code(), remember=True)
    await sign_in(device)
    response = await device.request(**await change_password(api, device))
    assert response.json()["code"] == "insufficient_user_authentication"
