"""The second step of a login: tickets, limits, remembered devices, MFA_REQUIRED, /token and /api/reauthenticate."""

import asyncio
from typing import Any

import httpx
import jwt
import pytest

from jwtapi.metrics import Metrics
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.totp import TotpFactor
from jwtapi.storage import remembered_devices
from jwtapi.storage.login_tickets import MAX_TRIES
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register
from tests.support.clients import new_client
from tests.support.emails import set_email
from tests.support.mfa import App, answer, sign_in_with, ticket_of, with_totp
from tests.support.smtp import Mailbox

RIGHT = {"username": "alice", "password": PASSWORD}
VOID = (401, "mfa_ticket_invalid", "Sign in again")
WRONG = (401, "mfa_invalid", "The code or passkey is not valid")
GRANT = "urn:jwtapi:oauth:grant-type:mfa"


def amr_of(token: str) -> list[str]:
    amr: list[str] = jwt.decode(token, options={"verify_signature": False})["amr"]
    return amr


def code_of(response: httpx.Response) -> str:
    code: str = response.json()["code"]
    return code


async def test_the_right_password_gets_a_ticket_and_nothing_else(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    client = api.client()
    response = await client.post("/login", json=RIGHT)
    assert response.status_code == 401
    assert response.json().keys() == {"message", "code", "ticket", "methods"}
    assert response.json()["methods"] == ["totp", "recovery_code"]
    assert "set-cookie" not in response.headers
    assert await api.sql("SELECT count(*) FROM sessions") == [(1,)]
    (stored,) = await api.sql("SELECT token_hash FROM login_tickets")
    assert response.json()["ticket"].encode() not in bytes(stored[0])


async def test_a_wrong_password_does_not_tell_whether_there_is_a_second_factor(
    api: Api, alice: httpx.AsyncClient
) -> None:
    before = await api.client().post("/login", json=RIGHT | {"password": "wrong"})
    await with_totp(api, alice)
    after = await api.client().post("/login", json=RIGHT | {"password": "wrong"})
    assert (before.status_code, before.json()) == (after.status_code, after.json())


async def test_a_ticket_works_once(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket = await ticket_of(client)
    assert (await answer(client, ticket, app.next_code())).status_code == 200
    assert error_of(await answer(client, ticket, app.next_code())) == VOID


async def test_a_ticket_expires_after_five_minutes(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket = await ticket_of(client)
    api.clock.advance(300)
    assert error_of(await answer(client, ticket, app.next_code())) == VOID


async def test_a_ticket_takes_five_tries_and_then_not_even_the_right_code(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket = await ticket_of(client)
    api.clock.advance(30)
    for _ in range(MAX_TRIES):
        assert error_of(await answer(client, ticket, app.wrong_code())) == WRONG
    assert error_of(await answer(client, ticket, app.code())) == VOID


async def test_many_guesses_at_once_judge_exactly_five(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket = await ticket_of(client)
    wrong = app.wrong_code()
    responses = await asyncio.gather(*(answer(api.client(), ticket, wrong) for _ in range(60)))
    assert [error_of(response) for response in responses].count(WRONG) == MAX_TRIES


async def test_two_uses_of_one_code_open_one_session(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    clients = [api.client() for _ in range(4)]
    tickets = [await ticket_of(client) for client in clients]
    code = app.next_code()
    pairs = zip(clients, tickets, strict=True)
    responses = await asyncio.gather(*(answer(client, ticket, code) for client, ticket in pairs))
    assert sorted(response.status_code for response in responses) == [200, 401, 401, 401]


@pytest.mark.parametrize("change", ("password", "disabled", "deleted", "factor"))
async def test_a_ticket_is_void_after_a_change_of_the_user(api: Api, alice: httpx.AsyncClient, change: str) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket = await ticket_of(client)
    match change:
        case "password":
            await api.set_password("another password than before")
        case "disabled":
            await api.disable()
        case "deleted":
            await api.delete()
        case "factor":
            await alice.delete("/api/mfa/totp")
    assert error_of(await answer(client, ticket, app.next_code())) == VOID


@pytest.mark.parametrize("change", ("disable", "delete"))
async def test_a_user_who_is_disabled_or_deleted_while_the_answer_is_judged_gets_no_session(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    ticket, judge = await ticket_of(client), TotpFactor.judge

    async def judge_then_change(*args: Any) -> Any:
        judged = await judge(*args)
        await getattr(api, change)()
        return judged

    monkeypatch.setattr(TotpFactor, "judge", judge_then_change)
    assert error_of(await answer(client, ticket, app.next_code())) == VOID


async def test_of_two_right_answers_to_a_ticket_the_second_finds_it_used(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    ticket = await ticket_of(api.client())
    responses = await asyncio.gather(
        *(answer(api.client(), ticket, code, "recovery_code") for code in app.recovery_codes[:2])
    )
    (refused,) = (response for response in responses if response.status_code != 200)
    assert error_of(refused) == VOID
    assert (await alice.get("/api/mfa")).json()["recoveryCodes"] == 9


async def test_a_user_has_at_most_a_hundred_remembered_devices(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_devices, "MAX_DEVICES", 2)
    app = await with_totp(api, alice)
    first = await sign_in_with(api.client(), app.next_code(), remember=True)
    for _ in range(2):
        await sign_in_with(api.client(), app.next_code(), remember=True)
    assert await api.sql("SELECT count(*) FROM remembered_devices") == [(2,)]
    await ticket_of(first)


async def test_void_remembered_devices_go_with_the_next_one(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    await sign_in_with(api.client(), app.next_code(), remember=True)
    await api.set_password(PASSWORD)
    await sign_in_with(api.client(), app.next_code(), remember=True)
    assert await api.sql("SELECT count(*) FROM remembered_devices") == [(1,)]


async def test_people_of_one_network_who_sign_in_with_second_factors_do_not_use_up_its_limit(run_api: RunApi) -> None:
    limited = {"login_rate_limit": "5/minute", "mfa_rate_limit": "5/minute", "register_rate_limit": "100/minute"}
    async with run_api(rate_limit_enabled=True, login_rate_limit_spares_success=True, **limited) as api:
        for number in range(7):
            name = f"user{number}"
            app = await with_totp(api, await api.signed_in(name))
            client = api.client()
            ticket = await ticket_of(client, username=name)
            assert (await answer(client, ticket, app.recovery_codes[0], "recovery_code")).status_code == 200
            form = {"grant_type": "password", "username": name, "password": PASSWORD}
            assert (await client.post("/token", data=form)).json()["code"] == "mfa_required"


async def test_a_ticket_is_no_access_token(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    client = api.client()
    client.headers["Authorization"] = f"Bearer {await ticket_of(client)}"
    assert (await client.get("/profile")).status_code == 401


@on_sqlite
@pytest.mark.parametrize("ticket", ("", "x", "x" * 50_000, "\u20ac"))
async def test_what_is_no_ticket_is_refused(client: httpx.AsyncClient, ticket: str) -> None:
    assert error_of(await answer(client, ticket, "123456")) == VOID


async def test_an_answer_without_a_code_or_a_credential_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/login/mfa", json={"ticket": "x", "method": "totp"})
    assert [error["field"] for error in response.json()["errors"]] == ["code"]
    response = await client.post("/login/mfa", json={"ticket": "x", "method": "passkey", "code": "1"})
    assert [error["field"] for error in response.json()["errors"]] == ["credential"]


@on_sqlite
async def test_wrong_codes_count_together_with_wrong_passwords(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="6/hour", login_rate_limit="1000/minute") as api:
        app = await with_totp(api, await api.signed_in())
        client = api.client()
        await client.post("/login", json=RIGHT | {"password": "wrong"})
        await client.post("/login", json=RIGHT | {"password": "wrong"})
        ticket = await ticket_of(client)  # the right password forgets nothing
        for _ in range(3):
            assert error_of(await answer(client, ticket, app.wrong_code())) == WRONG
        assert error_of(await answer(client, ticket, app.next_code()))[0] == 429
        assert error_of(await client.post("/login", json=RIGHT))[0] == 429


@on_sqlite
async def test_a_device_cookie_lends_no_more_tries(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="4/hour", login_rate_limit="1000/minute") as api:
        alice = await api.signed_in()
        app = await with_totp(api, alice)
        stranger = api.client()
        ticket = await ticket_of(stranger)
        for _ in range(3):
            await answer(stranger, ticket, app.wrong_code())
        await answer(alice, await ticket_of(alice), app.wrong_code())  # its password counts for the device
        assert error_of(await answer(alice, await ticket_of(alice), app.next_code()))[0] == 429


@on_sqlite
async def test_a_stranger_without_the_password_does_not_keep_the_owner_from_the_second_step(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="4/hour", login_rate_limit="1000/minute") as api:
        alice = await api.signed_in()
        app = await with_totp(api, alice)
        for _ in range(9):
            await api.client("198.51.100.1").post("/login", json=RIGHT | {"password": "wrong"})
        await sign_in_with(alice, app.next_code())


async def test_a_remembered_device_is_asked_for_no_second_factor(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = await sign_in_with(api.client(), app.next_code(), remember=True)
    again = await client.post("/login", json=RIGHT)
    assert again.status_code == 200
    assert amr_of(again.json()["accessToken"]) == ["pwd"]
    assert code_of(await api.client().post("/login", json=RIGHT)) == "mfa_required"
    api.clock.advance(30 * 24 * 3600)
    assert code_of(await client.post("/login", json=RIGHT)) == "mfa_required"


@pytest.mark.parametrize("change", ("password", "factor", "forgotten", "all forgotten"))
async def test_a_remembered_device_is_void_after_a_change_and_can_be_forgotten(
    api: Api, alice: httpx.AsyncClient, change: str
) -> None:
    app = await with_totp(api, alice)
    client = await sign_in_with(api.client(), app.next_code(), remember=True)
    (device,) = (await client.get("/api/mfa/devices")).json()["devices"]
    password = PASSWORD
    match change:
        case "password":
            password = "another password than before"
            await api.set_password(password)
        case "factor":
            await client.delete("/api/mfa/totp")
            client.headers["Authorization"] = f"Bearer {(await client.post('/refresh')).json()['accessToken']}"
            await with_totp(api, client)
        case "forgotten":
            assert (await client.delete(f"/api/mfa/devices/{device['id']}")).status_code == 204
        case _:
            assert (await client.delete("/api/mfa/devices")).status_code == 204
    assert code_of(await client.post("/login", json=RIGHT | {"password": password})) == "mfa_required"


async def test_a_remembered_device_is_of_its_user_only(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    await with_totp(api, await api.signed_in("bob"))
    client = await sign_in_with(api.client(), app.next_code(), remember=True)
    assert code_of(await client.post("/login", json=RIGHT | {"username": "bob"})) == "mfa_required"
    (device,) = (await client.get("/api/mfa/devices")).json()["devices"]
    bob = await sign_in_bob(api)
    assert (await bob.delete(f"/api/mfa/devices/{device['id']}")).status_code == 404


async def sign_in_bob(api: Api) -> httpx.AsyncClient:
    client = api.client()
    await register(client, "carol")
    response = await client.post("/login", json=RIGHT | {"username": "carol"})
    client.headers["Authorization"] = f"Bearer {response.json()['accessToken']}"
    return client


@on_sqlite
async def test_no_device_is_remembered_where_that_is_switched_off(run_api: RunApi) -> None:
    async with run_api(mfa_remember_device=0) as api:
        app = await with_totp(api, await api.signed_in())
        client = await sign_in_with(api.client(), app.next_code(), remember=True)
        assert code_of(await client.post("/login", json=RIGHT)) == "mfa_required"


async def test_the_token_endpoint_asks_for_the_second_factor_and_takes_it(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    refused = await client.post("/token", data={"grant_type": "password", **RIGHT})
    body = refused.json()
    assert (refused.status_code, body["error"], body["code"]) == (400, "invalid_grant", "mfa_required")
    form = {"grant_type": GRANT, "ticket": body["ticket"], "method": "totp"}
    wrong = await client.post("/token", data=form | {"code": app.wrong_code()})
    assert (wrong.json()["error"], wrong.json()["code"]) == ("invalid_grant", "mfa_invalid")
    tokens = await client.post("/token", data=form | {"code": app.next_code()})
    assert amr_of(tokens.json()["access_token"]) == ["pwd", "otp", "mfa"]
    assert "refresh_token" in tokens.json()
    used = await client.post("/token", data=form | {"code": app.next_code()})
    assert (used.json()["error"], used.json()["code"]) == ("invalid_grant", "mfa_ticket_invalid")


@on_sqlite
@pytest.mark.parametrize(
    "form",
    (
        {"ticket": "x"},
        {"ticket": "x", "method": "sms", "code": "1"},
        {"ticket": "x", "method": "totp"},
        {"ticket": "x", "method": "passkey", "credential": "[]"},
        {"ticket": "x", "method": "passkey", "credential": "{"},
    ),
)
async def test_a_malformed_second_factor_at_the_token_endpoint_is_an_invalid_request(
    client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    response = await client.post("/token", data={"grant_type": GRANT, **form})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_signing_in_again_asks_for_the_second_factor_and_keeps_the_session(
    api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    client = await sign_in_with(api.client(), app.next_code())
    api.clock.advance(700)
    refused = (await client.post("/api/reauthenticate", json={"password": PASSWORD})).json()
    assert refused["code"] == "mfa_required"
    body = {"ticket": refused["ticket"], "method": "totp", "code": app.next_code()}
    assert error_of(await answer(client, refused["ticket"], app.code())) == VOID
    refused = (await client.post("/api/reauthenticate", json={"password": PASSWORD})).json()
    other = await ticket_of(client)
    body = {"ticket": other, "method": "totp", "code": app.next_code()}
    assert error_of(await client.post("/api/reauthenticate", json=body)) == VOID
    body["ticket"] = refused["ticket"]
    response = await client.post("/api/reauthenticate", json=body)
    assert response.status_code == 200, response.text
    client.headers["Authorization"] = f"Bearer {response.json()['accessToken']}"
    assert (await client.delete("/api/mfa/totp")).status_code == 204


@on_sqlite
async def test_where_a_factor_is_required_the_grace_begins_with_the_first_sign_in_and_then_one_is_set_up(
    run_api: RunApi,
) -> None:
    async with run_api(mfa_required="all", mfa_grace=3600) as api:
        alice = await api.signed_in()
        state = (await alice.get("/api/mfa")).json()
        assert state["required"] is True
        assert state["requiredFrom"] is not None
        api.clock.advance(3600)
        client = api.client()
        refused = (await client.post("/login", json=RIGHT)).json()
        assert (refused["code"], refused["methods"]) == ("mfa_enrolment_required", ["totp"])
        begun = (await client.post("/login/mfa/totp", json={"ticket": refused["ticket"]})).json()
        app = App(api, begun["secret"], [])
        assert error_of(await answer(client, refused["ticket"], app.wrong_code())) == WRONG
        done = await answer(client, refused["ticket"], app.code())
        assert done.status_code == 200, done.text
        assert len(done.json()["recoveryCodes"]) == 10
        assert amr_of(done.json()["accessToken"]) == ["pwd", "otp", "mfa"]
        signed_in = await answer(client, await ticket_of(client), app.next_code())
        assert "recoveryCodes" not in signed_in.json()


@on_sqlite
async def test_a_factor_is_required_of_administrators_only(run_api: RunApi) -> None:
    async with run_api(mfa_required="admins", mfa_grace=0) as api:
        client = api.client()
        await register(client, "alice")
        assert (await client.post("/login", json=RIGHT)).status_code == 200
        await api.set_roles("admin")
        assert code_of(await client.post("/login", json=RIGHT)) == "mfa_enrolment_required"


@on_sqlite
async def test_a_ticket_that_does_not_enrol_sets_nothing_up(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    client = api.client()
    response = await client.post("/login/mfa/totp", json={"ticket": await ticket_of(client)})
    assert error_of(response) == VOID


@on_sqlite
async def test_a_client_of_oauth_must_complete_what_it_began(run_api: RunApi) -> None:
    async with run_api(clients_required=True) as api:
        app = await with_totp(api, await api.signed_in())
        first = (await new_client(api, name="first")).basic
        second = (await new_client(api, name="second")).basic
        client = api.client()
        form: dict[str, Any] = {"grant_type": "password", **RIGHT}
        ticket = (await client.post("/token", data=form, auth=first)).json()["ticket"]
        form = {"grant_type": GRANT, "ticket": ticket, "method": "totp", "code": app.next_code()}
        assert (await client.post("/token", data=form, auth=second)).json()["code"] == "mfa_ticket_invalid"
        assert error_of(await answer(client, ticket, app.code())) == VOID
        assert (await client.post("/token", data=form, auth=first)).status_code == 200


async def test_a_remembered_device_signs_in_but_removes_no_factor_without_showing_one(
    api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    client = await sign_in_with(api.client(), app.next_code(), remember=True)
    login = await client.post("/login", json=RIGHT)
    client.headers["Authorization"] = f"Bearer {login.json()['accessToken']}"
    assert code_of(await client.delete("/api/mfa/totp")) == "insufficient_user_authentication"
    ticket = (await client.post("/api/reauthenticate", json={"password": PASSWORD})).json()["ticket"]
    body = {"ticket": ticket, "method": "totp", "code": app.next_code()}
    again = await client.post("/api/reauthenticate", json=body)
    client.headers["Authorization"] = f"Bearer {again.json()['accessToken']}"
    assert (await client.delete("/api/mfa/totp")).status_code == 204


async def test_a_session_from_just_before_the_first_factor_removes_no_factor(
    api: Api, alice: httpx.AsyncClient
) -> None:
    thief = api.client()
    login = await thief.post("/login", json=RIGHT)
    thief.headers["Authorization"] = f"Bearer {login.json()['accessToken']}"
    await with_totp(api, alice)
    assert code_of(await thief.delete("/api/mfa/totp")) == "insufficient_user_authentication"
    # The session that has set it up proved the factor, although its access token is from before.
    assert (await alice.delete("/api/mfa/totp")).status_code == 204


@on_sqlite
async def test_devices_are_forgotten_where_remembering_is_switched_off_later(run_api: RunApi) -> None:
    async with run_api() as api:
        app = await with_totp(api, await api.signed_in())
        client = await sign_in_with(api.client(), app.next_code(), remember=True)
        assert (await client.post("/login", json=RIGHT)).status_code == 200
        api.services[SecondFactors].remember_seconds = 0
        assert code_of(await client.post("/login", json=RIGHT)) == "mfa_required"


@pytest.mark.parametrize(
    ("body", "field"),
    (
        ({}, "method"),
        ({"method": "totp"}, "code"),
        ({"method": "recovery_code", "credential": {}}, "code"),
        ({"method": "passkey", "code": "123456"}, "credential"),
    ),
)
async def test_a_ticket_without_an_answer_costs_no_try(
    api: Api, alice: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    await with_totp(api, alice)
    ticket = (await alice.post("/api/reauthenticate", json={"password": PASSWORD})).json()["ticket"]
    response = await alice.post("/api/reauthenticate", json={"ticket": ticket, **body})
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert await api.sql("SELECT max(tries) FROM login_tickets") == [(0,)]


@on_sqlite
async def test_the_owner_is_told_of_a_new_device_during_the_grace_too(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(mfa_required="all", **mailbox.settings) as api:
        await api.signed_in()
        await set_email(api, "alice@example.com")
        assert (await api.client().post("/login", json=RIGHT)).status_code == 200
        mail = await mailbox.next("alice@example.com")
    assert mail.subject.startswith("New device signed in")


@on_sqlite
async def test_a_right_password_that_is_not_enough_counts_as_unfinished(run_api: RunApi) -> None:
    async with run_api() as api:
        app = await with_totp(api, await api.signed_in())
        await sign_in_with(api.client(), app.next_code())
        exposed = api.services[Metrics].exposition().decode()
    assert 'jwtapi_logins_total{outcome="unfinished"} 1.0' in exposed
    assert 'jwtapi_logins_total{outcome="failed"} 0.0' in exposed
