"""A service account has no way to sign in, and never gets one, even if its row says otherwise."""

import asyncio

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.users.errors import IsServiceAccount
from jwtapi.users.service import UserService
from tests.conftest import RunApi
from tests.features.passkeys.test_passkeys import REFUSED, sign_in_with, with_passkey
from tests.support.api import PASSWORD, Api, error_of, register
from tests.support.authenticator import ORIGIN
from tests.support.emails import enter_email, give_email, token_of, verify_email
from tests.support.smtp import Mailbox
from tests.support.statements import sent_by_the_handler, statements

BECOME = "UPDATE users SET is_service_account = true"
WRONG = (401, "invalid_credentials", "Invalid credentials")
VOID = (400, "link_invalid", "This link is no longer valid")


async def test_a_service_account_is_refused_as_an_unknown_user_is_by_the_same_work(api: Api) -> None:
    await api.services[UserService].create("reports", None, COMMAND_LINE, is_service_account=True)
    await register(api.client())
    found = []
    for username in ("reports", "alice"):
        with statements(api, sent_by_the_handler) as sent:
            answer = await api.client().post("/login", json={"username": username, "password": "a wrong password"})
        assert error_of(answer) == WRONG
        found.append([statement.sql for statement in sent])
    assert found[0] == found[1]
    answer = await api.client().post(
        "/token", data={"grant_type": "password", "username": "reports", "password": PASSWORD}
    )
    assert error_of(answer)[:2] == (400, "invalid_grant")
    await api.sql(BECOME)
    assert error_of(await api.client().post("/login", json={"username": "alice", "password": PASSWORD})) == WRONG


async def test_the_administrator_cannot_give_a_service_account_a_password(api: Api) -> None:
    await api.services[UserService].create("reports", None, COMMAND_LINE, is_service_account=True)
    with pytest.raises(IsServiceAccount):
        await api.admin.set_password("reports", PASSWORD)
    with pytest.raises(IsServiceAccount):
        await api.admin.reset_link("reports")
    assert await api.event_types("reports") == ["user.created"]


async def test_password_link_address_and_passkey_of_a_row_that_becomes_a_service_account_do_nothing(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings | {"public_url": ORIGIN}) as api:
        alice = await api.signed_in()
        await give_email(alice, mailbox, "alice@example.com")
        authenticator = await with_passkey(alice)
        await enter_email(alice, "new@example.com")
        waiting = await token_of(mailbox, "new@example.com", "verify")
        await alice.post("/password/forgot", json={"login": "alice"})
        reset = {"token": await token_of(mailbox, "alice@example.com", "reset"), "password": "another password"}
        await api.sql(BECOME)
        stranger = api.client()
        for login in ("alice", "alice@example.com"):
            assert error_of(await stranger.post("/login", json={"username": login, "password": PASSWORD})) == WRONG
        assert error_of(await sign_in_with(stranger, authenticator)) == REFUSED
        assert error_of(await stranger.post("/password/reset", json=reset)) == VOID
        assert error_of(await verify_email(stranger, waiting)) == VOID
        assert (await stranger.post("/password/forgot", json={"login": "alice@example.com"})).status_code == 202
        await until_no_mail_waits(api)
        assert [any("/account/reset#" in link for link in mail.links) for mail in mailbox.received].count(True) == 1
        assert await are_refused(alice)


async def until_no_mail_waits(api: Api) -> None:
    while await api.sql("SELECT 1 FROM mails"):
        await asyncio.sleep(0)


async def are_refused(alice: httpx.AsyncClient) -> bool:
    """Return whether a session from before changes nothing that signs in."""
    answers = [
        await alice.put("/api/password", json={"currentPassword": PASSWORD, "newPassword": "another password"}),
        await alice.post("/api/passkeys/options"),
        await enter_email(alice, "third@example.com"),
    ]
    return all(answer.status_code in {401, 403} for answer in answers)
