"""Entering, confirming and changing an address, and undoing a change."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog

from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.limits import Limit
from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.storage.database import Database
from jwtapi.users.limits import EMAIL_RECIPIENT
from jwtapi.users.pending_email import pending_email_of
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.emails import (
    enter_email,
    give_email,
    set_email,
    set_pending_email,
    token_of,
    undo_token,
    verify_email,
)
from tests.support.smtp import Mailbox
from tests.support.statements import changes_rows, sent_by_requests, sent_by_the_handler, statements

ALICE, BOB = "alice@example.com", "bob@example.com"
NEW = "alice@new.example"
DAY = 24 * 3600


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/profile")).status_code == 200


async def log_in(api: Api, login: str, password: str = PASSWORD) -> int:
    """Try to sign in, and return the status."""
    return (await api.client().post("/login", json={"username": login, "password": password})).status_code


async def until_sent(api: Api) -> None:
    """Let time pass until the outbox is empty."""
    async with asyncio.timeout(60):
        while await api.sql("SELECT id FROM mails"):
            api.clock.advance(7200)
            api.services[Outbox].wake()
            await asyncio.sleep(0.05)


async def until_put_off(api: Api) -> None:
    """Wait until the first attempt to send has failed, so that the next one composes the mail anew."""
    while await api.sql("SELECT 1 FROM mails WHERE last_error IS NOT NULL") == []:
        await asyncio.sleep(0.01)


# Entering and confirming


async def test_an_entered_address_gets_a_mail_that_names_the_account_and_its_link_confirms_it(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        entered = await enter_email(alice, f" {ALICE} ")
        assert (entered.status_code, entered.json()) == (202, {"message": "We have sent a link to this address"})
        user = await api.user()
        assert (user.email, user.pending_email) == (None, ALICE)
        mail = await mailbox.next(ALICE)
        (link,) = mail.links
        assert link.startswith("https://auth.example.com/account/verify#token=")
        assert link.endswith("&account=alice")
        assert "account alice at auth.example.com" in mail.text
        confirmed = await verify_email(api.client(), mail.token)
        body = {"message": "The e-mail address is confirmed", "username": "alice"}
        assert (confirmed.status_code, confirmed.json()) == (200, body)
        user = await api.user()
        assert (user.email, user.canonical_email, user.pending_email) == (ALICE, ALICE, None)
        assert (await api.event_types())[-3:] == ["user.email_entered", "user.email_verified", "sessions.revoked"]


@on_sqlite
async def test_the_mail_is_in_the_language_of_the_request(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        alice.headers["Accept-Language"] = "de-AT, en;q=0.5"
        await enter_email(alice, ALICE)
        assert (await mailbox.next(ALICE)).subject == "Bestätigen Sie Ihre E-Mail-Adresse für auth.example.com"


@on_sqlite
async def test_no_mail_program_makes_a_link_of_a_user_name(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await enter_email(await api.signed_in("win.example.com/now"), BOB)
        mail = await mailbox.next(BOB)
        assert "win.\u2060example.\u2060com/\u2060now" in mail.text
        for text in (mail.text, mail.html):
            assert "win.example.com" not in text.replace(mail.links[0], "").replace(
                mail.links[0].replace("&", "&amp;"), ""
            )


@on_sqlite
async def test_no_mail_program_makes_a_link_of_wide_letters(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await enter_email(await api.signed_in("win．example．com／now"), BOB)
        mail = await mailbox.next(BOB)
        for text in (mail.text, mail.html):
            assert "win．\u2060example．\u2060com／\u2060now" in text


async def test_a_link_works_once(api: Api, alice: httpx.AsyncClient) -> None:
    token = await set_pending_email(api, ALICE)
    assert (await verify_email(alice, token)).status_code == 200
    assert error_of(await verify_email(alice, token)) == (400, "link_invalid", "This link is no longer valid")


async def test_of_two_requests_with_one_link_at_the_same_time_one_confirms(api: Api, alice: httpx.AsyncClient) -> None:
    token = await set_pending_email(api, ALICE)
    answers = await asyncio.gather(*(verify_email(alice, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert (await api.event_types()).count("user.email_verified") == 1


async def test_a_link_expires_after_a_day(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await enter_email(await api.signed_in("alice"), ALICE)
        token = await token_of(mailbox, ALICE, "verify")
        api.clock.advance(DAY + 1)
        assert error_of(await verify_email(api.client(), token)) == (400, "link_expired", "This link has expired")
        assert (await api.user()).email is None


async def test_the_same_address_again_gets_the_mail_again(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        for _ in range(2):
            await enter_email(alice, ALICE)
            token = await token_of(mailbox, ALICE, "verify")
        assert (await verify_email(alice, token)).status_code == 200


async def test_after_another_address_was_entered_the_link_to_the_first_one_is_void(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        await enter_email(alice, ALICE)
        first = await token_of(mailbox, ALICE, "verify")
        await enter_email(alice, NEW)
        second = await token_of(mailbox, NEW, "verify")
        assert error_of(await verify_email(alice, first))[1] == "link_invalid"
        assert (await verify_email(alice, second)).status_code == 200
        assert (await api.user()).email == NEW


async def test_a_mail_that_was_delayed_is_not_sent_after_another_address_was_entered(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        await enter_email(alice, ALICE)
        await until_put_off(api)
        await enter_email(alice, NEW)
        mailbox.start()
        await until_sent(api)
        assert [mail.recipient for mail in mailbox.received] == [NEW]


async def test_a_mail_that_was_delayed_is_not_sent_after_the_password_was_changed(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    """A thief could let the own mail server refuse the mail for a while, and get a link for the new state."""
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        await enter_email(await api.signed_in("alice"), "thief@example.com")
        await until_put_off(api)
        await api.set_password("a new password of alice")
        mailbox.start()
        await until_sent(api)
        assert mailbox.received == []
        assert (await api.user()).pending_email is None


async def test_entering_the_own_address_ends_the_wait_for_another_one(api: Api, alice: httpx.AsyncClient) -> None:
    await set_email(api, ALICE)
    token = await set_pending_email(api, NEW)
    response = await enter_email(alice, ALICE.upper())
    assert response.status_code == 202
    assert await api.sql("SELECT id FROM mails") == []
    assert (await api.user()).pending_email is None
    assert error_of(await verify_email(alice, token))[1] == "link_invalid"


@on_sqlite
@pytest.mark.parametrize("method", ("GET", "HEAD", "PUT"))
async def test_a_scanner_that_opens_the_links_confirms_nothing(run_api: RunApi, mailbox: Mailbox, method: str) -> None:
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        await enter_email(alice, ALICE)
        mail = await mailbox.next(ALICE)
        scanner = api.client()
        for url in (mail.links[0], f"/email/verify?token={mail.token}", f"/email/undo?token={mail.token}"):
            await scanner.request(method, url)
        response = await scanner.request(method, "/email/verify")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        assert (await api.user()).email is None
        assert (await verify_email(alice, mail.token)).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "purpose", [purpose for purpose in LinkPurpose if purpose is not LinkPurpose.VERIFY_EMAIL], ids=str
)
async def test_a_token_of_another_purpose_confirms_nothing(
    api: Api, alice: httpx.AsyncClient, purpose: LinkPurpose
) -> None:
    await set_pending_email(api, ALICE)
    user = await api.user()
    pending = pending_email_of(user)
    assert pending is not None
    for bound_to in (pending.link_state, user.link_state, user.undo_state):
        token = api.services[LinkTokens].issue(
            purpose, user.id, bound_to=bound_to, expires_at=api.clock() + timedelta(hours=1)
        )
        assert error_of(await verify_email(alice, token))[1] == "link_invalid"


@on_sqlite
async def test_a_forged_or_damaged_token_confirms_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    token = await set_pending_email(api, ALICE)
    changed = ("B" if token[-1] != "B" else "C") + token[1:]
    for wrong in (
        "",
        "x",
        token[:-4],
        token + "AAAA",
        changed,
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "é" * 72,
    ):
        assert error_of(await verify_email(alice, wrong))[:2] == (400, "link_invalid"), wrong
    assert (await verify_email(alice, token)).status_code == 200


@pytest.mark.usefixtures("alice")
async def test_a_link_to_a_user_who_was_disabled_or_deleted_meanwhile_confirms_nothing(api: Api) -> None:
    token = await set_pending_email(api, ALICE)
    await api.disable()
    assert error_of(await verify_email(api.client(), token))[1] == "link_invalid"
    await api.enable()
    assert error_of(await verify_email(api.client(), token))[1] == "link_invalid"
    await api.delete()
    assert error_of(await verify_email(api.client(), token))[1] == "link_invalid"


@pytest.mark.parametrize(
    "email",
    (
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example.com\r\nBcc: everybody@example.com",
        "alice@example.com\n",
        "alice@example.com\u2028Subject: x",
        "alice@example.com, bob@example.com",
        "Alice <alice@example.com>",
        '"alice@example.com>\r\nRCPT TO:<bob"@example.com',
        "alice\u0000@example.com",
        "alice@example.com%0d%0aBcc:x",
        "a" * 250 + "@example.com",
    ),
)
@on_sqlite
async def test_what_is_no_address_is_refused_and_reaches_neither_the_outbox_nor_a_header(
    api: Api, alice: httpx.AsyncClient, email: str
) -> None:
    assert error_of(await enter_email(alice, email))[:2] == (400, "email_invalid")
    assert await api.sql("SELECT id FROM mails") == []
    assert (await api.user()).pending_email is None


async def test_no_event_and_no_line_of_the_log_has_an_address_or_a_token(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        with structlog.testing.capture_logs() as lines:
            alice = await api.signed_in("alice")
            await give_email(alice, mailbox, ALICE)
            token = await set_pending_email(api, NEW)
            await verify_email(alice, token)
            undo = await undo_token(api)
            await alice.post("/email/undo", json={"token": undo})
        written = f"{lines} {[event.details for event in await api.events()]}"
    assert len(lines) > 3
    for secret in (ALICE, NEW, token, undo):
        assert secret not in written


async def test_where_no_mail_is_sent_no_address_can_be_entered(run_api: RunApi) -> None:
    async with run_api(environment="production", bcrypt_rounds=10, cookie_secure=False) as api:
        alice = await api.signed_in("alice")
        assert error_of(await enter_email(alice, ALICE)) == (501, "mail_unavailable", "This server cannot send mail")
        assert (await api.user()).pending_email is None


async def test_an_address_is_entered_only_after_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(601)
    response = await enter_email(alice, ALICE)
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")
    assert (await api.user()).pending_email is None


async def test_a_user_who_is_deleted_during_the_request_enters_no_address(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wake = Database.write

    async def after_the_deletion(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(Database, "write", wake)
        await api.delete()
        return await wake(*arguments, **options)

    monkeypatch.setattr(Database, "write", after_the_deletion)
    assert error_of(await enter_email(alice, ALICE))[:2] == (401, "token_invalid")
    assert await api.sql("SELECT id FROM mails") == []


async def test_nobody_enters_an_address_whom_a_new_password_has_shut_out_meanwhile(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the mail, which is composed later, would have a link that the new password does not make void."""
    thief = await api.signed_in()
    spend = RateLimiter.spend

    async def slow(self: RateLimiter, limit: Limit, key: str) -> None:
        if limit is EMAIL_RECIPIENT:
            await api.set_password("another password")
        await spend(self, limit, key)

    monkeypatch.setattr(RateLimiter, "spend", slow)
    assert error_of(await enter_email(thief, "thief@example.com"))[:2] == (401, "token_invalid")
    assert (await api.user()).pending_email is None
    assert await api.sql("SELECT id FROM mails") == []


# Limits


async def test_one_user_enters_five_addresses_in_an_hour(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True) as api:
        alice = await api.signed_in("alice")
        statuses = [(await enter_email(alice, f"alice{number}@example.com")).status_code for number in range(6)]
    assert statuses == [202] * 5 + [429]


async def test_one_address_gets_one_mail_in_a_minute_however_many_users_enter_it(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox, "wake", lambda _: None)
    async with run_api({"mail_poll_seconds": 10_000}, rate_limit_enabled=True) as api:
        alice, bob = await api.signed_in("alice"), await api.signed_in("bob")
        assert (await enter_email(alice, ALICE)).status_code == 202
        with statements(api, sent_by_requests) as sent:
            assert error_of(await enter_email(bob, ALICE.upper()))[0] == 429
        assert not [statement for statement in sent if "canonical_email =" in statement.sql]
        api.clock.advance(61)
        assert (await enter_email(bob, ALICE)).status_code == 202
        assert len(await api.sql("SELECT id FROM mails")) == 2


async def test_tokens_are_tried_twenty_times_in_a_minute_from_one_address(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True) as api:
        stranger = api.client()
        statuses = [(await verify_email(stranger, "x")).status_code for _ in range(20)]
        statuses.append((await stranger.post("/email/undo", json={"token": "x"})).status_code)
    assert statuses == [400] * 20 + [429]


# Whose address it is


async def test_entering_a_taken_address_takes_the_same_statements_and_rows_as_a_free_one(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox, "wake", lambda _: None)
    async with run_api({"mail_poll_seconds": 10_000}) as api:
        await api.signed_in("bob")
        await set_email(api, BOB, "bob")
        alice = await api.signed_in("alice")
        await alice.get("/profile")
        found: list[tuple[int, Any, list[str], list[Any]]] = []
        for email in ("free@example.com", BOB):
            with statements(api, sent_by_the_handler) as sent:
                response = await enter_email(alice, email)
            rows = await api.sql(
                f"SELECT kind, details, language FROM mails WHERE recipient = '{email}' AND user_id IS NOT NULL"  # noqa: S608
            )
            found.append((response.status_code, response.json(), [statement.sql for statement in sent], rows))
    free, taken = found
    assert free == taken
    assert len(taken[3]) == 1


async def test_the_owner_of_a_taken_address_is_told_and_no_account_is_named(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await give_email(await api.signed_in("bob"), mailbox, BOB)
        await enter_email(await api.signed_in("mallory"), BOB)
        mail = await mailbox.next(BOB)
    assert mail.subject == "You already have an account at auth.example.com"
    assert mail.links == ["https://auth.example.com/account", "https://auth.example.com/account/forgot"]
    for text in (mail.text, mail.html):
        assert "mallory" not in text
        assert "bob" not in text
        assert "token" not in text


async def test_an_address_that_others_have_entered_blocks_nobody(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        for squatter in ("mallory", "mallet"):
            await enter_email(await api.signed_in(squatter), ALICE)
            await mailbox.next(ALICE)
        alice = await api.signed_in("alice")
        await give_email(alice, mailbox, ALICE)
        assert await log_in(api, ALICE) == 200
        assert [(await api.user(name)).email for name in ("alice", "mallory", "mallet")] == [ALICE, None, None]


async def test_an_address_that_was_taken_after_it_was_entered_cannot_be_confirmed(
    api: Api, alice: httpx.AsyncClient
) -> None:
    bob = await api.signed_in("bob")
    token = await set_pending_email(api, "shared@example.com", "bob")
    assert (await verify_email(alice, await set_pending_email(api, "Shared@Example.com"))).status_code == 200
    taken = error_of(await verify_email(bob, token))
    assert taken == (409, "email_taken", "Another account uses this e-mail address")
    assert await is_signed_in(bob)
    assert await api.event_types("bob") == ["user.registered", "login.succeeded"]


async def test_of_two_accounts_that_confirm_one_address_at_the_same_time_one_gets_it(api: Api) -> None:
    clients = {name: await api.signed_in(name) for name in ("alice", "bob")}
    tokens = {name: await set_pending_email(api, "shared@example.com", name) for name in clients}
    answers = await asyncio.gather(*(verify_email(client, tokens[name]) for name, client in clients.items()))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    owners = await api.sql("SELECT username FROM users WHERE canonical_email = 'shared@example.com'")
    assert owners == [(answer.json()["username"],) for answer in answers if answer.status_code == 200]


async def test_two_servers_on_one_database_agree_who_has_an_address_and_which_sessions_ended(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as other:
        alice = await one.signed_in("alice")
        elsewhere = await sign_in(other.client())
        assert await is_signed_in(elsewhere)
        token = await set_pending_email(one, ALICE)
        answers = await asyncio.gather(
            verify_email(one.client(), token), verify_email(other.client(), token), return_exceptions=False
        )
        assert sorted(answer.status_code for answer in answers) == [200, 400]
        assert await log_in(one, ALICE) == await log_in(other, ALICE) == 200
        async with asyncio.timeout(30):
            while await is_signed_in(elsewhere) or await is_signed_in(alice):
                await asyncio.sleep(0.01)


# Sessions


async def test_a_verifier_who_is_signed_in_keeps_this_session_alone(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    assert (await verify_email(alice, await set_pending_email(api, ALICE))).status_code == 200
    assert await is_signed_in(alice)
    assert not await is_signed_in(other)
    assert (await other.post("/refresh")).status_code == 403


async def test_a_verifier_who_is_not_signed_in_ends_all_sessions(api: Api, alice: httpx.AsyncClient) -> None:
    await verify_email(api.client(), await set_pending_email(api, ALICE))
    assert not await is_signed_in(alice)


async def test_a_verifier_who_is_signed_in_as_somebody_else_ends_all_sessions_of_the_account_and_none_of_the_other(
    api: Api, alice: httpx.AsyncClient
) -> None:
    bob = await api.signed_in("bob")
    response = await verify_email(bob, await set_pending_email(api, ALICE))
    assert response.json()["username"] == "alice"
    assert not await is_signed_in(alice)
    assert await is_signed_in(bob)


async def test_a_verifier_with_an_old_access_token_is_told_so_and_the_link_is_not_used(
    api: Api, alice: httpx.AsyncClient
) -> None:
    token = await set_pending_email(api, ALICE)
    api.clock.advance(901)
    assert error_of(await verify_email(alice, token))[:2] == (401, "token_expired")
    refreshed = await alice.post("/refresh")
    alice.headers["Authorization"] = f"Bearer {refreshed.json()['accessToken']}"
    assert (await verify_email(alice, token)).status_code == 200
    assert await is_signed_in(alice)


# Changing an address, and undoing it


async def test_a_change_takes_effect_when_the_new_address_is_confirmed_and_the_old_one_is_told(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    monkeypatch.setattr(Notices, "email_changed", lambda _, __, before, ___: told.append(before.email))
    async with run_api(**mailbox.settings) as api:
        alice = await api.signed_in("alice")
        await give_email(alice, mailbox, ALICE)
        assert told == []
        await enter_email(alice, NEW)
        assert (await log_in(api, ALICE), await log_in(api, NEW)) == (200, 401)
        await verify_email(alice, await token_of(mailbox, NEW, "verify"))
        assert (await log_in(api, ALICE), await log_in(api, NEW)) == (401, 200)
        assert told == [ALICE]
        user = await api.user()
        assert (user.email, user.former_email) == (NEW, ALICE)
        assert "user.email_changed" in await api.event_types()


async def test_an_account_that_has_an_address_gets_another_one_only_when_its_user_is_signed_in(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await set_email(api, ALICE)
    token = await set_pending_email(api, NEW)
    for client in (api.client(), await api.signed_in("bob")):
        refused = error_of(await verify_email(client, token))
        assert refused == (
            403,
            "sign_in_required",
            "Sign in to the account of this link, then open the link again",
        )
    assert await is_signed_in(alice)
    assert (await verify_email(alice, token)).status_code == 200


async def test_a_change_of_the_address_voids_the_links_that_were_sent_before(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await set_email(api, ALICE)
    state = (await api.user()).link_state
    await verify_email(alice, await set_pending_email(api, NEW))
    assert (await api.user()).link_state != state


async def changed_by_a_thief(api: Api, owner: httpx.AsyncClient) -> str:
    """Let a thief of the password change it and the address, and return the token that the owner gets by mail."""
    await set_email(api, ALICE)
    thief = await sign_in(api.client())
    assert (await verify_email(thief, await set_pending_email(api, "thief@example.com"))).status_code == 200
    assert not await is_signed_in(owner)
    token = await undo_token(api)
    await api.set_password("the thief's own password")
    return token


async def test_undoing_a_change_restores_the_address_and_shuts_out_whoever_knows_the_password(
    api: Api, alice: httpx.AsyncClient
) -> None:
    token = await changed_by_a_thief(api, alice)
    thief = await sign_in(api.client(), password="the thief's own password")
    await set_pending_email(api, "thief2@example.com")
    response = await api.client().post("/email/undo", json={"token": token})
    assert response.status_code == 200
    assert not await is_signed_in(thief)
    assert [await log_in(api, login, "the thief's own password") for login in ("alice", ALICE)] == [401, 401]
    user = await api.user()
    assert (user.email, user.pending_email, user.former_email, user.password_hash) == (ALICE, None, None, None)
    assert "user.email_change_undone" in await api.event_types()
    again = await api.client().post("/email/undo", json={"token": token})
    assert error_of(again)[:2] == (400, "link_invalid")


async def test_the_first_change_can_be_undone_after_a_thief_has_changed_the_address_twice(
    api: Api, alice: httpx.AsyncClient
) -> None:
    token = await changed_by_a_thief(api, alice)
    thief = await sign_in(api.client(), password="the thief's own password")
    assert (await verify_email(thief, await set_pending_email(api, "thief2@example.com"))).status_code == 200
    assert (await api.client().post("/email/undo", json={"token": token})).status_code == 200
    assert (await api.user()).email == ALICE


async def test_a_change_can_be_undone_for_seven_days(api: Api, alice: httpx.AsyncClient) -> None:
    token = await changed_by_a_thief(api, alice)
    api.clock.advance(7 * DAY)
    assert error_of(await api.client().post("/email/undo", json={"token": token}))[:2] == (400, "link_expired")
    thief = await sign_in(api.client(), password="the thief's own password")
    await verify_email(thief, await set_pending_email(api, NEW))
    assert (await api.user()).former_email == "thief@example.com"


async def test_a_change_cannot_be_undone_after_another_user_has_verified_the_former_address(
    api: Api, alice: httpx.AsyncClient
) -> None:
    token = await changed_by_a_thief(api, alice)
    bob = await api.signed_in("bob")
    await verify_email(bob, await set_pending_email(api, ALICE, "bob"))
    response = await api.client().post("/email/undo", json={"token": token})
    assert error_of(response)[:2] == (409, "email_taken")
    assert (await api.user()).email == "thief@example.com"


async def test_undoing_changes_nothing_for_a_user_who_is_disabled_or_whose_address_never_changed(
    api: Api, alice: httpx.AsyncClient
) -> None:
    user = await api.user()
    never = api.services[LinkTokens].issue(
        LinkPurpose.UNDO_EMAIL, user.id, bound_to=user.undo_state, expires_at=api.clock() + timedelta(hours=1)
    )
    token = await changed_by_a_thief(api, alice)
    await api.disable()
    for wrong in (never, token):
        assert error_of(await api.client().post("/email/undo", json={"token": wrong}))[1] == "link_invalid"
    assert (await api.user()).email == "thief@example.com"


async def test_a_token_that_verifies_an_address_undoes_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    await changed_by_a_thief(api, alice)
    token = await set_pending_email(api, NEW)
    assert error_of(await api.client().post("/email/undo", json={"token": token}))[1] == "link_invalid"


@on_sqlite
async def test_a_refused_link_writes_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    await set_pending_email(api, ALICE)
    with statements(api, changes_rows) as sent:
        await verify_email(alice, "A" * 72)
    assert sent == []
