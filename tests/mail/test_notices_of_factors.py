"""Notices of second factors and passkeys."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.features.passkeys.provoked import added
from tests.features.password.test_forgot import EMAIL
from tests.mail.test_notices import FIREFOX, FORGOT, SECURITY, assert_names_the_circumstances, owner
from tests.support.api import Api, sign_in
from tests.support.mfa import sign_in_with, with_totp
from tests.support.smtp import Mailbox

CODES = "/api/mfa/recovery-codes"


async def add_totp(api: Api, client: httpx.AsyncClient) -> None:
    await with_totp(api, client)


async def remove_totp(api: Api, client: httpx.AsyncClient) -> None:
    await with_totp(api, client)
    assert (await client.delete("/api/mfa/totp")).status_code == 204


async def add_passkey(_: Api, client: httpx.AsyncClient) -> None:
    assert (await added(client))[1].status_code == 201


async def remove_passkey(_: Api, client: httpx.AsyncClient) -> None:
    passkey = (await added(client))[1].json()
    assert (await client.delete(f"/api/passkeys/{passkey['id']}")).status_code == 204


async def make_codes(api: Api, client: httpx.AsyncClient) -> None:
    await with_totp(api, client)
    assert (await client.post(CODES)).status_code == 200


Change = Callable[[Api, httpx.AsyncClient], Awaitable[None]]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "english", "german"),
    (
        (add_totp, "an authenticator app was added to the account alice", "eine Authenticator-App wurde hinzugefügt"),
        (remove_totp, "the authenticator app was removed from", "die Authenticator-App wurde entfernt"),
        (add_passkey, "a passkey was added to", "ein Passkey wurde hinzugefügt"),
        (remove_passkey, "a passkey was removed from", "ein Passkey wurde entfernt"),
        (make_codes, "the former ones are void, for", "neue Wiederherstellungscodes wurden erzeugt"),
    ),
)
async def test_the_owner_is_told_of_each_change_of_second_factors(
    run_api: RunApi, mailbox: Mailbox, change: Change, english: str, german: str
) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        await change(api, client)
        mail = (await mailbox.unread(api))[-1]
        await api.admin.reset_mfa("alice")
        await change(api, await sign_in(api.client(**{"User-Agent": FIREFOX, "Accept-Language": "de"})))
        in_german = (await mailbox.unread(api))[-1]
    assert mail.recipient == in_german.recipient == EMAIL
    assert mail.subject == "Signing in to your account at auth.example.com was changed"
    assert in_german.subject == "Die Anmeldung in Ihrem Konto bei auth.example.com wurde geändert"
    assert_names_the_circumstances(mail)
    assert english in mail.text
    assert german in in_german.text
    assert mail.links == in_german.links == [SECURITY, FORGOT]


async def test_the_owner_is_told_of_a_used_recovery_code_and_how_many_remain(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        app = await with_totp(api, await owner(api))
        for code in app.recovery_codes:
            await sign_in_with(api.client(**{"User-Agent": FIREFOX}), code, "recovery_code")
        used = [mail for mail in await mailbox.unread(api) if mail.subject.startswith("A recovery code of your")]
    assert len(used) == 10
    assert_names_the_circumstances(used[0])
    assert "Codes that remain: 9." in used[0].text
    assert "It was the last one." in used[-1].text
    assert used[0].links == [SECURITY, FORGOT]


async def test_a_thief_cannot_flood_the_owner_by_adding_and_removing_second_factors(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    """A password without a second factor suffices for that. The first changes are told, and so is a reset."""
    often = {"mail_poll_seconds": 0.05}
    async with run_api(often, rate_limit_enabled=True, notice_rate_limit="3/hour", **mailbox.settings) as api:
        client = await owner(api)
        for _ in range(3):
            await remove_totp(api, client)
        app = await with_totp(api, client)
        assert len(await mailbox.unread(api)) == 3
        for code in app.recovery_codes[:5]:
            await sign_in_with(client, code, "recovery_code")
        assert len(await mailbox.unread(api)) == 6
        await api.admin.reset_mfa("alice")
        mails = await mailbox.unread(api)
        assert len(mails) == 7
        assert "all second factors were removed" in mails[-1].text
        api.clock.advance(3601)
        await sign_in(client)
        await with_totp(api, client)
        assert len(await mailbox.unread(api)) == 8


async def test_a_notice_that_was_rolled_back_does_not_count(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(rate_limit_enabled=True, notice_rate_limit="1/hour", **mailbox.settings) as api:
        client = await owner(api)
        authenticator, first = await added(client)
        assert first.status_code == 201
        await api.sql("DELETE FROM rate_limits")
        options = (await client.post("/api/passkeys/options")).json()
        again = await client.post("/api/passkeys", json={"credential": authenticator.create(options)})
        assert again.json()["code"] == "passkey_not_accepted"  # everybody's credential ids are unique
        assert await api.sql("SELECT key FROM rate_limits WHERE key LIKE '%second_factor%'") == []


@pytest.mark.parametrize("off", ("second_factor_changed", "recovery_code_used"))
async def test_each_notice_of_second_factors_can_be_switched_off_alone(
    run_api: RunApi, mailbox: Mailbox, off: str
) -> None:
    mailbox.stop()
    async with run_api(**{f"notice_{off}": False}, **mailbox.settings) as api:
        client = await owner(api)
        app = await with_totp(api, client)
        await sign_in_with(client, app.recovery_codes[0], "recovery_code")
        kinds = {kind for (kind,) in await api.sql("SELECT kind FROM mails")}
    both = {"notice_second_factor_changed", "notice_recovery_code_used"}
    assert kinds & both == both - {f"notice_{off}"}


async def test_the_owner_is_told_of_a_removed_password(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        await added(client)
        assert (await client.delete("/api/password")).status_code == 204  # the address is there to fall back on
        _, mail = await mailbox.unread(api)
    assert mail.subject == "The password of your account at auth.example.com was removed"
    assert_names_the_circumstances(mail)
    assert mail.links == [SECURITY, FORGOT]
