"""Notices: mails to the owner about what has happened to the account."""

from typing import Any

import httpx
import pytest

from jwtapi.mail.outbox import Outbox
from tests.conftest import RunApi, on_sqlite
from tests.features.passkeys.test_passkeys import sign_in_with as sign_in_with_passkey
from tests.features.passkeys.test_passkeys import with_passkey
from tests.features.password.provoked import token_of
from tests.features.password.test_forgot import EMAIL, NEW, retry, until_attempts_have_failed
from tests.support.api import PASSWORD, Api, register, sign_in
from tests.support.emails import set_email, set_pending_email, verify_email
from tests.support.smtp import Mailbox, ReceivedMail
from tests.support.statements import sent_by_requests, statements

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
FORGOT = "https://auth.example.com/account/forgot"
SECURITY = "https://auth.example.com/account/security"


async def owner(api: Api, **headers: str) -> httpx.AsyncClient:
    """Make a client that has signed in as alice, and whose device is known. She has a verified address."""
    client = api.client(**({"User-Agent": FIREFOX} | headers))
    await register(client)
    await sign_in(client)
    await set_email(api, EMAIL)
    return client


def assert_names_the_circumstances(mail: ReceivedMail) -> None:
    for text in (mail.text, mail.html):
        assert "alice" in text
        assert "2026-" in text
        assert " UTC" in text
        assert "203.0.113.7" in text
        assert "Firefox on Windows" in text
        assert "Was this not you?" in text


async def test_the_owner_is_told_of_a_changed_password(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert (await client.put("/api/password", json=body)).status_code == 204
        mail = await mailbox.next(EMAIL)
    assert mail.subject == "The password of your account at auth.example.com was changed"
    assert_names_the_circumstances(mail)
    assert "leaves passkeys, second factors and API keys as they are" in mail.text
    assert mail.links == [FORGOT, SECURITY]
    assert FORGOT in mail.html


async def test_the_owner_is_told_of_a_reset_and_of_a_password_that_the_operator_set(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        body = {"token": await token_of(api), "password": NEW}
        assert (await client.post("/password/reset", json=body)).status_code == 200
        by_reset = await mailbox.next(EMAIL)
        await api.set_password(PASSWORD)
        api.services[Outbox].wake()
        by_operator = await mailbox.next(EMAIL)
    assert_names_the_circumstances(by_reset)
    assert by_operator.subject == by_reset.subject
    assert "From: the operator of this server" in by_operator.text
    assert "Device" not in by_operator.text


async def test_a_thief_who_also_changes_the_address_does_not_get_the_notice(run_api: RunApi, mailbox: Mailbox) -> None:
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        await client.put("/api/password", json={"currentPassword": PASSWORD, "newPassword": NEW})
        await set_email(api, "thief@example.com")
        await until_attempts_have_failed(api)
        mailbox.start()
        await retry(api)
        assert "password" in (await mailbox.next(EMAIL)).subject


async def test_the_address_of_before_is_told_of_a_change_and_can_undo_it(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        token = await set_pending_email(api, "new@example.com")
        assert (await verify_email(client, token)).status_code == 200
        api.services[Outbox].wake()
        mail = await mailbox.next(EMAIL)
        assert mail.subject == "The e-mail address of your account at auth.example.com was changed"
        assert_names_the_circumstances(mail)
        assert mail.links == [f"https://auth.example.com/account/undo#token={mail.token}&account=alice"]
        # The thief changes the password too.
        await client.put("/api/password", json={"currentPassword": PASSWORD, "newPassword": NEW})
        undone = await client.post("/email/undo", json={"token": mail.token})
        assert undone.status_code == 200, undone.text
        assert (await api.user()).email == EMAIL


async def test_the_notice_of_a_second_change_has_no_link_for_the_first_thief(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        for email in ("thief@example.com", "other@example.com"):
            assert (await verify_email(client, await set_pending_email(api, email))).status_code == 200
        api.services[Outbox].wake()
        first, second = await mailbox.next(EMAIL), await mailbox.next("thief@example.com")
    assert first.token
    assert second.links == []
    assert "write to the people who run auth.example.com" in second.text


@pytest.mark.parametrize("path", ("/login", "/token"))
async def test_the_owner_is_told_of_a_sign_in_on_a_new_device(run_api: RunApi, mailbox: Mailbox, path: str) -> None:
    async with run_api(**mailbox.settings) as api:
        await owner(api)
        stranger = api.client(**{"User-Agent": FIREFOX})
        body: dict[str, Any] = {"username": "alice", "password": PASSWORD}
        form: dict[str, Any] = {"json": body} if path == "/login" else {"data": body | {"grant_type": "password"}}
        assert (await stranger.post(path, **form)).status_code == 200
        mail = await mailbox.next(EMAIL)
    assert mail.subject == "New device signed in to your account at auth.example.com"
    assert_names_the_circumstances(mail)
    assert mail.links == ["https://auth.example.com/account/sessions", FORGOT]


async def test_the_owner_is_told_of_a_passkey_on_a_new_device_and_not_of_the_next_time(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        authenticator = await with_passkey(await owner(api), origin="https://auth.example.com")
        await mailbox.next(EMAIL)  # it was added
        device = api.client(**{"User-Agent": FIREFOX})
        assert (await sign_in_with_passkey(device, authenticator)).status_code == 200
        mail = await mailbox.next(EMAIL)
        assert mail.subject == "New device signed in to your account at auth.example.com"
        assert_names_the_circumstances(mail)
        assert (await sign_in_with_passkey(device, authenticator)).status_code == 200
        assert await mailbox.unread(api) == []


async def test_a_device_that_has_signed_in_before_causes_no_notice(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        await sign_in(client)
        await client.post("/logout")
        await sign_in(client)
        assert await api.sql("SELECT id FROM mails") == []
        assert await mailbox.unread(api) == []


async def test_a_failed_login_causes_no_notice(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await owner(api)
        response = await api.client().post("/login", json={"username": "alice", "password": "wrong"})
        assert response.status_code == 401
        assert await api.sql("SELECT id FROM mails") == []


async def statements_of_a_login(api: Api, client: httpx.AsyncClient) -> list[str]:
    with statements(api, sent_by_requests) as sent:
        await sign_in(client)
    return [statement.sql for statement in sent]


async def test_a_login_takes_the_same_statements_unless_there_is_somebody_to_tell(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        client = api.client()
        await register(client)
        without_address = await statements_of_a_login(api, client)
        await set_email(api, EMAIL)
        on_a_known_device = await statements_of_a_login(api, client)
        on_a_new_device = await statements_of_a_login(api, api.client())
    async with run_api(notice_new_device=False, **mailbox.settings) as api:
        if_nobody_is_told = await statements_of_a_login(api, api.client())
    assert on_a_known_device == without_address
    assert if_nobody_is_told == without_address
    assert not any("INSERT INTO mails" in sql for sql in without_address)
    assert sum("INSERT INTO mails" in sql for sql in on_a_new_device) == 1


async def test_a_thief_of_the_password_cannot_flood_the_owner_with_notices(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(
        rate_limit_enabled=True, notice_rate_limit="2/hour", login_rate_limit_spares_success=True, **mailbox.settings
    ) as api:
        await owner(api)
        for _ in range(4):
            await sign_in(api.client())
        mails = await mailbox.unread(api)
    assert [mail.recipient for mail in mails] == [EMAIL] * 2


async def test_the_owner_is_told_of_a_token_that_was_used_twice(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        used = client.cookies["refreshToken"]
        for _ in range(2):
            assert (await client.post("/refresh")).status_code == 200
            api.clock.advance(60)
        thief = api.client(**{"User-Agent": FIREFOX, "Cookie": f"refreshToken={used}"})
        for _ in range(2):
            assert (await thief.post("/refresh")).status_code == 403
        (mail,) = await mailbox.unread(api)
        assert (await api.event_types()).count("session.refresh_token_reused") == 1
    assert mail.recipient == EMAIL
    assert mail.subject == "A device was signed out of your account at auth.example.com"
    assert_names_the_circumstances(mail)
    assert mail.links == ["https://auth.example.com/account/sessions", FORGOT]


async def test_the_owner_is_told_of_a_deletion_that_cannot_be_undone(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await owner(api)
        await api.delete()
        api.services[Outbox].wake()
        mail = await mailbox.next(EMAIL)
    assert mail.subject == "Your account at auth.example.com was deleted"
    assert "cannot be undone" in mail.text
    assert "write to the people who run auth.example.com" in mail.text
    assert mail.links == []


async def everything(api: Api) -> None:
    """Do what causes each notice."""
    client = await owner(api)
    await sign_in(api.client())
    assert (await verify_email(client, await set_pending_email(api, "new@example.com"))).status_code == 200
    used = client.cookies["refreshToken"]
    for _ in range(2):
        await client.post("/refresh")
        api.clock.advance(60)
    assert (await api.client(Cookie=f"refreshToken={used}").post("/refresh")).status_code == 403
    await api.set_password(NEW)
    await api.delete()


NAMES = ("password_changed", "email_changed", "new_device", "token_reused", "account_deleted")


@on_sqlite
@pytest.mark.parametrize("off", NAMES)
async def test_each_notice_can_be_switched_off_alone(run_api: RunApi, mailbox: Mailbox, off: str) -> None:
    mailbox.stop()
    async with run_api(**{f"notice_{off}": False}, **mailbox.settings) as api:
        await everything(api)
        rows = await api.sql("SELECT kind FROM mails")
    assert sorted(kind for (kind,) in rows) == sorted(f"notice_{name}" for name in NAMES if name != off)


async def test_a_user_without_a_verified_address_and_a_server_without_mail_cause_no_mail(run_api: RunApi) -> None:
    async with run_api() as api:
        client = await api.signed_in()
        await set_pending_email(api, EMAIL)
        await sign_in(api.client())
        await client.put("/api/password", json={"currentPassword": PASSWORD, "newPassword": NEW})
        await api.delete()
        assert await api.sql("SELECT id FROM mails") == []
    async with run_api(environment="production", bcrypt_rounds=10, password_blocklist=False) as api:
        await register(api.client())
        await set_email(api, EMAIL)
        await api.set_password(NEW)
        await sign_in(api.client(), password=NEW)
        assert await api.sql("SELECT id FROM mails") == []


@on_sqlite
@pytest.mark.parametrize(
    "user_agent", ("Visit https://evil.example/login", "<a href=https://evil.example>x</a>", "evil.example", "x" * 5000)
)
async def test_no_text_of_a_stranger_becomes_a_link(run_api: RunApi, mailbox: Mailbox, user_agent: str) -> None:
    async with run_api(**mailbox.settings) as api:
        await owner(api)
        await api.sql("UPDATE users SET username = '<b>evil.example/x'")
        await sign_in(api.client(**{"User-Agent": user_agent}))
        mail = await mailbox.next(EMAIL)
    for text in (mail.text, mail.html):
        assert "evil.example" not in text
    assert "<b>" not in mail.html
    assert len(mail.data) < 10_000


async def test_a_notice_is_written_in_the_language_of_the_request(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api, **{"Accept-Language": "de"})
        await client.put("/api/password", json={"currentPassword": PASSWORD, "newPassword": NEW})
        mail = await mailbox.next(EMAIL)
    assert mail.subject == "Das Passwort Ihres Kontos bei auth.example.com wurde geändert"
    assert "Waren Sie das nicht?" in mail.text
