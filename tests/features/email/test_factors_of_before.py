"""What the first verification of an address, and the undoing of a change, do to second factors and passkeys."""

from datetime import timedelta

import httpx
import pytest

from tests.conftest import RunApi
from tests.features.passkeys.provoked import added
from tests.features.passkeys.test_passkeys import sign_in_with as sign_in_with_passkey
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.authenticator import Authenticator
from tests.support.emails import set_email, set_pending_email, undo_token, verify_email
from tests.support.mfa import App, sign_in_with, with_totp
from tests.support.smtp import Mailbox

VICTIM = "victim@example.com"
TABLES = ("totp_secrets", "recovery_codes", "passkeys")


async def prepared(api: Api) -> tuple[httpx.AsyncClient, App, Authenticator]:
    """An account with an app, a passkey and a remembered device. The client has the device's cookie."""
    attacker = await api.signed_in()
    app = await with_totp(api, attacker)
    authenticator, response = await added(attacker)
    assert response.status_code == 201
    await sign_in_with(attacker, app.next_code(), remember=True)
    assert len((await attacker.get("/api/mfa/devices")).json()["devices"]) == 1
    return attacker, app, authenticator


async def rows(api: Api) -> list[int]:
    return [(await api.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES]  # noqa: S608  names


async def test_whoever_prepares_an_account_for_the_owner_of_an_address_leaves_no_second_way_in(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        attacker, _, authenticator = await prepared(api)
        token = await set_pending_email(api, VICTIM)
        assert (await verify_email(api.client(), token)).status_code == 200
        assert (await attacker.get("/profile")).status_code == 401
        assert error_of(await sign_in_with_passkey(api.client(), authenticator))[:2] == (401, "passkey_invalid")
        assert await rows(api) == [0, 0, 0]
        user = await api.user()
        assert (user.second_factor_since, user.email) == (None, VICTIM)
        assert "mfa.reset" in await api.event_types()
        assert (await api.event_types()).count("sessions.revoked") == 1
        # The owner is not asked for what the attacker has set up, and the attacker's device is not remembered.
        owner = await sign_in(api.client())
        await with_totp(api, owner)
        response = await attacker.post("/login", json={"username": "alice", "password": PASSWORD})
        assert response.json()["code"] == "mfa_required"


async def test_passkeys_of_before_go_also_if_they_were_the_only_way_in(run_api: RunApi) -> None:
    """The server sends no mail now. Otherwise the attacker would keep the account."""
    async with run_api(environment="production", bcrypt_rounds=10, public_url="https://auth.example.com") as api:
        attacker = await api.signed_in()
        authenticator, _ = await added(attacker)
        await added(attacker)
        assert (await attacker.delete("/api/password")).status_code == 204
        assert (await verify_email(api.client(), await set_pending_email(api, VICTIM))).status_code == 200
        assert error_of(await sign_in_with_passkey(api.client(), authenticator))[:2] == (401, "passkey_invalid")
        assert await rows(api) == [0, 0, 0]


@pytest.mark.parametrize("as_stranger", (False, True))
async def test_a_user_who_is_signed_in_keeps_second_factors_and_a_stranger_who_is_does_not_help(
    run_api: RunApi,
    mailbox: Mailbox,
    as_stranger: bool,  # noqa: FBT001  a parameter
) -> None:
    async with run_api(**mailbox.settings) as api:
        alice, _, authenticator = await prepared(api)
        verifier = await api.signed_in("bob", "the password of bob") if as_stranger else alice
        assert (await verify_email(verifier, await set_pending_email(api, VICTIM))).status_code == 200
        assert await rows(api) == ([0, 0, 0] if as_stranger else [1, 10, 1])
        status = (await sign_in_with_passkey(api.client(), authenticator)).status_code
        assert status == (401 if as_stranger else 200)
        assert ((await api.user()).second_factor_since is None) is as_stranger


async def test_an_undone_change_of_the_address_removes_what_the_thief_has_set_up(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        _, _, authenticator = await prepared(api)
        until = api.clock() + timedelta(days=1)
        await set_email(api, "thief@example.com", former=VICTIM, until=until)
        undone = await api.client().post("/email/undo", json={"token": await undo_token(api)})
        assert undone.status_code == 200, undone.text
        assert await rows(api) == [0, 0, 0]
        user = await api.user()
        assert (user.email, user.password_hash, user.second_factor_since) == (VICTIM, None, None)
        assert error_of(await sign_in_with_passkey(api.client(), authenticator))[:2] == (401, "passkey_invalid")
        mails = await mailbox.unread(api)
        assert [mail.recipient for mail in mails if "all second factors" in mail.text] == [VICTIM]
