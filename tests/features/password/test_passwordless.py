"""Users without a password."""

import asyncio

import httpx
import pytest

from jwtapi.housekeeping import Housekeeping
from jwtapi.security.passwords import PasswordHasher
from tests.conftest import RunApi, on_sqlite
from tests.features.passkeys.provoked import added
from tests.features.passkeys.test_passkeys import sign_in_with
from tests.support.api import PASSWORD, Api, error_of
from tests.support.mfa import answer, ticket_of, with_totp
from tests.support.statements import sent_by_requests, statements

RIGHT = {"username": "alice", "password": PASSWORD}


async def without_password(client: httpx.AsyncClient) -> None:
    await added(client)
    await added(client)
    assert (await client.delete("/api/password")).status_code == 204


async def test_a_user_without_a_password_signs_in_with_a_passkey_and_with_nothing_else(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator, _ = await added(alice)
    await without_password(alice)
    assert (await api.user()).password_hash is None
    unknown = await api.client().post("/login", json=RIGHT | {"username": "nobody"})
    refused = await api.client().post("/login", json=RIGHT)
    assert (refused.status_code, refused.json()) == (unknown.status_code, unknown.json())
    assert (await sign_in_with(api.client(), authenticator)).status_code == 200


async def test_the_password_stays_while_it_is_the_last_way_in_or_nothing_is_there_to_fall_back_on(
    alice: httpx.AsyncClient,
) -> None:
    assert error_of(await alice.delete("/api/password"))[:2] == (409, "last_way_in")
    await added(alice)
    assert error_of(await alice.delete("/api/password"))[:2] == (409, "last_way_in")
    await added(alice)
    assert (await alice.delete("/api/password")).status_code == 204
    assert error_of(await alice.delete("/api/password"))[:2] == (404, "not_found")


async def test_a_user_without_a_password_sets_one_with_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    await without_password(alice)
    assert (await alice.put("/api/password", json={"newPassword": "a quite new password"})).status_code == 204
    response = await api.client().post("/login", json=RIGHT | {"password": "a quite new password"})
    assert response.json()["code"] == "mfa_required"


async def test_a_user_with_a_password_must_send_it_to_change_it(alice: httpx.AsyncClient) -> None:
    response = await alice.put("/api/password", json={"newPassword": "a quite new password"})
    assert error_of(response)[:2] == (400, "validation_failed")


@on_sqlite
async def test_a_user_without_a_password_deletes_the_account(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator, _ = await added(alice)
    assert error_of(await alice.request("DELETE", "/api/account", json={}))[:2] == (400, "validation_failed")
    await without_password(alice)
    assert (await alice.request("DELETE", "/api/account", json={})).status_code == 204
    assert error_of(await sign_in_with(api.client(), authenticator))[:2] == (401, "passkey_invalid")


@on_sqlite
async def test_removing_the_password_ends_other_sessions(run_api: RunApi) -> None:
    async with run_api() as api:
        alice = await api.signed_in()
        await added(alice)
        await added(alice)
        other = api.client()
        other.headers["Authorization"] = alice.headers["Authorization"]
        assert (await alice.delete("/api/password")).status_code == 204
        assert (await alice.get("/profile")).status_code == 200


async def test_password_and_passkeys_do_not_both_go_if_they_are_removed_at_the_same_time(
    api: Api, alice: httpx.AsyncClient
) -> None:
    passkeys = [(await added(alice))[1].json()["id"] for _ in range(2)]
    requests = [alice.delete("/api/password"), *(alice.delete(f"/api/passkeys/{each}") for each in passkeys)]
    statuses = [response.status_code for response in await asyncio.gather(*requests)]
    assert statuses.count(204) >= 1
    assert set(statuses) <= {204, 401, 409}
    (remaining,) = (await api.sql("SELECT count(*) FROM passkeys"))[0]
    assert (await api.user()).password_hash is not None or remaining


async def test_a_passkey_of_another_domain_is_no_way_in(api: Api, alice: httpx.AsyncClient) -> None:
    first, second = [(await added(alice))[1].json()["id"] for _ in range(2)]
    await api.sql(f"UPDATE passkeys SET rp_id = 'old.example' WHERE id = '{api_id(api, first)}'")  # noqa: S608  an id
    assert error_of(await alice.delete("/api/password"))[:2] == (409, "last_way_in")
    await api.sql("UPDATE users SET password_hash = NULL")
    assert error_of(await alice.delete(f"/api/passkeys/{second}"))[:2] == (409, "last_way_in")
    assert (await alice.delete(f"/api/passkeys/{first}")).status_code == 204


def api_id(api: Api, text: str) -> str:
    """As the database writes an id."""
    is_sqlite = api.services.settings.database_url.get_secret_value().startswith("sqlite")
    return text.replace("-", "") if is_sqlite else text


async def test_a_login_of_a_user_without_a_password_takes_the_work_of_a_wrong_password(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str | None] = []
    verify = PasswordHasher.verify

    async def count(hasher: PasswordHasher, password: str, password_hash: str | None) -> bool:
        hashed.append(password_hash)
        return await verify(hasher, password, password_hash)

    monkeypatch.setattr(PasswordHasher, "verify", count)

    async def work() -> tuple[int, str, list[str]]:
        with statements(api, sent_by_requests) as sent:
            response = await api.client().post("/login", json=RIGHT | {"password": "wrong"})
        return response.status_code, response.text, [each.sql for each in sent if not each.sql.startswith("BEGIN")]

    with_one = await work()
    await without_password(alice)
    assert await work() == with_one
    assert len(hashed) == 2
    assert hashed[1] is None


async def test_a_user_without_a_password_who_signed_in_long_ago_sets_none(api: Api, alice: httpx.AsyncClient) -> None:
    """The thief of an access token, or of a browser that stayed open."""
    await without_password(alice)
    api.clock.advance(11 * 60)
    alice.headers["Authorization"] = f"Bearer {(await alice.post('/refresh')).json()['accessToken']}"
    response = await alice.put("/api/password", json={"newPassword": "a quite new password"})
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")
    assert (await api.user()).password_hash is None


async def test_nothing_of_a_deleted_user_lets_anybody_in(run_api: RunApi) -> None:
    async with run_api() as api:
        alice = await api.signed_in()
        app = await with_totp(api, alice)
        authenticator, _ = await added(alice)
        bound = await alice.post("/login/passkey/options", json={"ticket": await ticket_of(api.client())})
        for_user = authenticator.get(bound.json())
        ticket = await ticket_of(api.client())
        anonymous = authenticator.get((await alice.post("/login/passkey/options", json={})).json())
        body = {"password": PASSWORD}
        assert (await alice.request("DELETE", "/api/account", json=body)).status_code == 204
        stranger = api.client()
        assert error_of(await answer(stranger, ticket, app.next_code()))[:2] == (401, "mfa_ticket_invalid")
        recovery = await answer(stranger, ticket, app.recovery_codes[0], "recovery_code")
        assert error_of(recovery)[:2] == (401, "mfa_ticket_invalid")
        for credential in (anonymous, for_user):
            refused = await stranger.post("/login/passkey", json={"credential": credential})
            assert error_of(refused)[:2] == (401, "passkey_invalid")
        api.clock.advance(600)
        await api.services[Housekeeping].clean_up()
        for table in ("totp_secrets", "recovery_codes", "passkeys", "remembered_devices", "login_tickets"):
            assert await api.sql(f"SELECT 1 FROM {table}") == []  # noqa: S608  names
