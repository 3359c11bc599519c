"""Second factors beside each other: what a session is worth, what is counted, and what nobody sees."""

import logging
from typing import Any

import httpx
import pytest
import structlog

from tests.conftest import REFRESH_SECRET, RunApi, on_sqlite
from tests.features.mfa.test_totp import CONFIRM, WRONG, claims_of
from tests.features.passkeys.test_passkeys import with_passkey
from tests.support.api import Api, error_of
from tests.support.mfa import App, answer, sign_in_with, ticket_of, with_totp

TOTP = "/api/mfa/totp"


async def refreshed(client: httpx.AsyncClient) -> list[str]:
    client.headers["Authorization"] = f"Bearer {(await client.post('/refresh')).json()['accessToken']}"
    amr: list[str] = claims_of(client)["amr"]
    return amr


async def test_two_factors_that_remain_are_still_two(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    here = await sign_in_with(api.client(), app.next_code())
    await with_passkey(here)
    assert await refreshed(here) == ["pwd", "otp", "mfa", "swk", "user"]
    assert (await here.delete(TOTP)).status_code == 204
    assert (await here.get("/profile")).status_code == 401
    assert await refreshed(here) == ["pwd", "mfa", "swk", "user"]
    state = (await here.get("/api/mfa")).json()
    assert (state["enabled"], state["totpSince"], state["passkeys"], state["recoveryCodes"]) == (True, None, 1, 10)
    (passkey,) = (await here.get("/api/passkeys")).json()["passkeys"]
    assert (await here.delete(f"/api/passkeys/{passkey['id']}")).status_code == 204
    assert await refreshed(here) == ["pwd"]
    assert (await here.get("/api/mfa")).json()["enabled"] is False


async def test_a_code_besides_the_password_outlives_a_removed_passkey(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    here = await sign_in_with(api.client(), app.next_code())
    await with_passkey(here)
    (passkey,) = (await here.get("/api/passkeys")).json()["passkeys"]
    assert (await here.delete(f"/api/passkeys/{passkey['id']}")).status_code == 204
    assert await refreshed(here) == ["pwd", "otp", "mfa"]


async def test_a_second_factor_gives_no_second_set_of_recovery_codes(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    app = await with_totp(api, alice)
    assert app.recovery_codes == []
    assert (await alice.get("/api/mfa")).json()["recoveryCodes"] == 10


async def test_beginnings_and_codes_of_a_set_up_count_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="3/minute") as api:
        alice = await api.signed_in()
        app = App(api, (await alice.post(TOTP)).json()["secret"], [])
        for _ in range(2):
            assert error_of(await alice.post(CONFIRM, json={"code": app.wrong_code()}))[1] == "mfa_code_wrong"
        assert error_of(await alice.post(CONFIRM, json={"code": app.code()}))[:2] == (429, "too_many_attempts")
        assert error_of(await alice.post(TOTP))[:2] == (429, "too_many_attempts")
        bob = await api.signed_in("bob")
        assert (await bob.post(TOTP)).status_code == 200
        api.clock.advance(61)
        assert (await alice.post(CONFIRM, json={"code": app.code()})).status_code == 200


ODD = ("", "12345", "１２３４５６", "٠١٢٣٤٥", "1234567", "-12345", "0" * 10_000, "12345\u00b2", "\x00" * 6)


async def test_an_odd_first_code_is_a_wrong_one(api: Api, alice: httpx.AsyncClient) -> None:
    await alice.post(TOTP)
    for code in ODD:
        assert error_of(await alice.post(CONFIRM, json={"code": code}))[:2] == (403, "mfa_code_wrong"), code
    headers = {"Content-Type": "application/json"}
    lone = await alice.post(CONFIRM, content='{"code": "\\ud83d12345"}', headers=headers)
    assert lone.status_code in {400, 403}
    assert (await api.user()).second_factor_since is None


async def test_a_waiting_secret_signs_nobody_in_and_asks_for_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    assert (await alice.post(TOTP)).status_code == 200
    assert (await alice.delete(TOTP)).status_code == 404  # it was never on
    await with_passkey(alice)
    app = App(api, (await alice.post(TOTP)).json()["secret"], [])
    client = api.client()
    ticket = await ticket_of(client)
    assert error_of(await answer(client, ticket, app.code())) == WRONG


async def test_no_log_and_no_export_has_a_secret_or_a_code(
    api: Api, alice: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        app = await with_totp(api, alice)
        client, used = api.client(), app.next_code()
        ticket, wrong = await ticket_of(client), app.wrong_code()
        await answer(client, ticket, wrong)
        await answer(client, ticket, used)
        await answer(client, await ticket_of(client), app.recovery_codes[0], "recovery_code")
    export = (await alice.get("/api/account/export")).text
    events = str(await api.events())
    encrypted = [row[0] for row in await api.sql("SELECT encrypted_secret FROM totp_secrets")]
    assert len(encrypted) == 1
    assert '"totp_secrets"' in export
    for shown in (str(logs), caplog.text, export, events):
        for secret in (app.secret, ticket, *app.recovery_codes, bytes(encrypted[0]).hex()):
            assert secret not in shown
    for shown in (str(logs), caplog.text):
        assert f"'{used}'" not in shown
        assert f"'{wrong}'" not in shown


@on_sqlite
async def test_a_secret_that_nothing_opens_is_an_error_in_the_log_and_a_wrong_code_that_counts(
    run_api: RunApi, api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    async with run_api(refresh_secret="0" * 8 + REFRESH_SECRET[8:]) as later:
        client = later.client()
        ticket = await ticket_of(client)
        with structlog.testing.capture_logs() as logs:
            assert error_of(await answer(client, ticket, app.next_code())) == WRONG
        (error,) = [line for line in logs if line["log_level"] == "error"]
        assert error["user_id"] == str((await api.user()).id)
        assert "REFRESH_SECRET_PREVIOUS" in error["remedy"]
        assert app.secret not in str(logs)
        assert await later.sql("SELECT tries FROM login_tickets WHERE tries > 0") == [(1,)]
        # A recovery code of that secret is not known either, so the operator must know about it.
        assert error_of(await answer(client, ticket, app.recovery_codes[0], "recovery_code")) == WRONG


async def test_a_secret_that_was_moved_to_another_user_opens_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    """Somebody who can write to the database gives Alice the app of Bob."""
    await with_totp(api, alice)
    bob = await with_totp(api, await api.signed_in("bob"))
    await api.sql(
        "UPDATE totp_secrets SET encrypted_secret = (SELECT encrypted_secret FROM totp_secrets"
        " JOIN users ON users.id = user_id WHERE username = 'bob')"
    )
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), bob.next_code())) == WRONG


async def test_a_ticket_sets_nothing_up_once_the_user_has_an_app(run_api: RunApi) -> None:
    required: dict[str, Any] = {"mfa_required": "all", "mfa_grace": 60}
    async with run_api(**required) as api:
        alice = await api.signed_in()
        api.clock.advance(61)
        client = api.client()
        credentials = {"username": "alice", "password": "correct horse battery staple"}
        refused = (await client.post("/login", json=credentials)).json()
        assert refused["code"] == "mfa_enrolment_required"
        body = {"ticket": refused["ticket"]}
        assert (await client.post("/login/mfa/totp", json=body)).status_code == 200
        # As if another request had confirmed an app after the ticket was looked up.
        await api.sql("UPDATE totp_secrets SET confirmed_at = created_at")
        assert error_of(await client.post("/login/mfa/totp", json=body))[:2] == (401, "mfa_ticket_invalid")
        await api.sql("DELETE FROM totp_secrets")
        await with_totp(api, alice)
        assert error_of(await client.post("/login/mfa/totp", json=body))[:2] == (401, "mfa_ticket_invalid")


async def test_a_code_that_was_used_is_recorded_as_a_failure(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), app.code())) == WRONG
    assert (await api.event_types())[-1] == "login.failed"


@on_sqlite
async def test_the_document_says_that_most_answers_have_no_recovery_codes(api: Api) -> None:
    schemas = (await api.client().get("/openapi.json")).json()["components"]["schemas"]
    for name in ("MfaLoginAnswer", "AddedPasskey"):
        assert "recoveryCodes" in schemas[name]["properties"]
        assert "recoveryCodes" not in schemas[name]["required"]
    assert schemas["RecoveryCodesAnswer"]["required"] == ["recoveryCodes"]
