"""POST /password/forgot, and the mail that it causes."""

import asyncio
from typing import Any
from unittest.mock import Mock

import bcrypt
import httpx
import pytest
import structlog

from jwtapi.mail.outbox import Outbox
from jwtapi.storage.database import Database
from tests.conftest import MakeSettings, RunApi, on_sqlite
from tests.storage.test_work_of_requests import running_without_jobs
from tests.support.api import Api, error_of, register, sign_in
from tests.support.clock import FakeClock
from tests.support.emails import set_email
from tests.support.smtp import Mailbox
from tests.support.statements import sent_by_requests, statements

EMAIL = "alice@example.com"
NEW = "another horse battery staple"


async def forget(client: httpx.AsyncClient, login: str = "alice") -> httpx.Response:
    return await client.post("/password/forgot", json={"login": login})


async def until_attempts_have_failed(api: Api) -> None:
    while await api.sql("SELECT id FROM mails WHERE last_error IS NULL"):
        await asyncio.sleep(0.01)


async def retry(api: Api) -> None:
    """Let mails that could not be sent be sent now."""
    api.clock.advance(3600)
    api.services[Outbox].wake()


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    return await client.post("/password/reset", json={"token": token, "password": password})


@pytest.mark.parametrize("login", ("alice", " ALICE ", EMAIL, "Alice@EXAMPLE.com"))
async def test_the_mail_to_the_verified_address_has_a_link_that_sets_a_password(
    run_api: RunApi, mailbox: Mailbox, login: str
) -> None:
    async with run_api(**mailbox.settings) as api:
        client = api.client()
        await register(client)
        await set_email(api, EMAIL)
        assert (await forget(client, login)).status_code == 202
        mail = await mailbox.next(EMAIL)
        assert mail.subject == "Choose a new password for auth.example.com"
        assert mail.links == [f"https://auth.example.com/account/reset#token={mail.token}&account=alice"]
        assert mail.values.keys() == {"token", "account"}
        assert mail.token in mail.html
        assert (await reset(client, mail.token)).status_code == 200
        await sign_in(client, password=NEW)


async def test_the_mail_is_written_in_the_language_of_the_request(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = api.client(**{"Accept-Language": "de-AT,en;q=0.5"})
        await register(client)
        await set_email(api, EMAIL)
        await forget(client)
        mail = await mailbox.next(EMAIL)
    assert mail.subject == "Neues Passwort für auth.example.com"


async def test_the_mail_goes_to_the_stored_address_and_not_to_the_one_that_was_typed(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        await set_email(api, EMAIL)
        await forget(api.client(), "ALICE@Example.COM")
        assert (await mailbox.next(EMAIL)).recipient == EMAIL


async def test_only_an_enabled_user_with_a_verified_address_gets_a_mail(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        for username in ("alice", "bob", "carol"):
            await register(api.client(), username)
        await set_email(api, EMAIL, "alice")
        await api.disable("alice")
        user = await api.user("bob")
        await api.sql("UPDATE users SET pending_email = 'bob@example.com' WHERE username = 'bob'")
        assert user.email is None
        for login in ("alice", EMAIL, "bob", "bob@example.com", "carol", "nobody", "nobody@example.com", "two words"):
            assert (await forget(api.client(), login)).status_code == 202
        assert await mailbox.unread(api) == []


async def test_who_gets_the_mail_is_decided_when_it_is_sent(run_api: RunApi, mailbox: Mailbox) -> None:
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        await set_email(api, "before@example.com")
        await forget(api.client())
        await until_attempts_have_failed(api)
        assert await api.sql("SELECT user_id, recipient FROM mails") == [(None, None)]
        await set_email(api, EMAIL)
        mailbox.start()
        await retry(api)
        mail = await mailbox.next(EMAIL)
        assert (await reset(api.client(), mail.token)).status_code == 200


LOGINS = (
    "alice",
    EMAIL,
    "nobody",
    "nobody@example.com",
    "disabled",
    "unverified",
    "two words",
    "@",
    "a@b@c",
    "\u202eevil",
    "x" * 60_000,
    "x@" * 30_000,
    "nul\0",
)


async def test_every_login_gets_the_same_answer_and_makes_the_same_statements_hashes_and_rows(
    make_settings: MakeSettings, clock: FakeClock, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_without_jobs(make_settings, clock, **mailbox.settings) as api:
        for username in ("alice", "disabled", "unverified"):
            await register(api.client(), username)
        await set_email(api, EMAIL)
        await set_email(api, "disabled@example.com", "disabled")
        await api.disable("disabled")
        hashes = Mock(wraps=bcrypt.hashpw)
        monkeypatch.setattr(bcrypt, "hashpw", hashes)
        client = api.client("203.0.113.8", **{"X-Request-ID": "the-same"})
        await forget(client, "somebody else")  # the first request prepares statements
        found = []
        for number, login in enumerate(LOGINS):
            # The limit on the address counts down in a header, so each login comes from an address of its own.
            client = api.client(f"203.0.113.{100 + number}", **{"X-Request-ID": "the-same"})
            with statements(api, sent_by_requests) as sent:
                response = await forget(client, login)
            assert response.status_code == 202
            found.append((response.content, response.headers.raw, [statement.sql for statement in sent]))
        rows = await api.sql("SELECT kind, user_id, recipient, language, attempts, failed_at, last_error FROM mails")
    assert all(each == found[0] for each in found)
    assert sum("INSERT INTO mails" in sql for sql in found[0][2]) == 1
    assert rows == [("password_reset", None, None, "en", 0, None, None)] * (1 + len(LOGINS))
    assert hashes.call_count == 0


@on_sqlite
@pytest.mark.parametrize("login", ("alice", EMAIL, "nobody", "nobody@example.com"))
async def test_the_limit_counts_by_login_from_all_addresses_before_anybody_is_looked_up(
    run_api: RunApi, login: str
) -> None:
    async with run_api(rate_limit_enabled=True, password_forgot_login_rate_limit="3/hour") as api:
        await register(api.client())
        await set_email(api, EMAIL)
        spellings = (login, login.upper(), f" {login} ", login)
        answers = [
            await forget(api.client(f"203.0.113.{number}"), spelling) for number, spelling in enumerate(spellings)
        ]
        others = await forget(api.client("203.0.113.99"), "somebody-else")
        ((mails,),) = await api.sql("SELECT count(*) FROM mails WHERE details IS NOT NULL")
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert error_of(answers[-1])[1] == "too_many_attempts"
    assert others.status_code == 202
    assert mails <= 4


async def test_the_limit_on_an_address_counts_all_logins(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, password_forgot_rate_limit="2/minute") as api:
        client = api.client()
        answers = [(await forget(client, login)).status_code for login in ("alice", "bob", "carol")]
    assert answers == [202, 202, 429]


async def test_no_login_is_in_the_events_or_the_log(run_api: RunApi, caplog: pytest.LogCaptureFixture) -> None:
    async with run_api() as api:
        with structlog.testing.capture_logs() as logged:
            await forget(api.client(), "a-login-of-somebody@example.com")
        assert await api.sql("SELECT id FROM events") == []
    assert "a-login-of-somebody" not in f"{logged}{caplog.text}"


async def test_a_server_that_sends_no_mail_says_so_before_it_counts(run_api: RunApi) -> None:
    async with run_api(environment="production", bcrypt_rounds=10) as api:
        response = await forget(api.client())
        assert await api.sql("SELECT id FROM mails") == []
    assert error_of(response)[:2] == (501, "mail_unavailable")


@on_sqlite
@pytest.mark.parametrize("body", ({}, {"login": ""}, {"login": 5}, {"login": None}, {"login": ["alice"]}))
async def test_a_login_that_is_no_text_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    response = await client.post("/password/forgot", json=body)
    assert error_of(response)[:2] == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == ["login"]


async def test_an_old_name_that_is_the_address_of_somebody_gets_no_mail_of_its_owner(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        for username in ("alice", "mallory"):
            await register(api.client(), username)
        await set_email(api, EMAIL, "alice")
        await set_email(api, "mallory@example.com", "mallory")
        mallory = await api.user("mallory")
        await api.services[Database].write(
            lambda uow: uow.users.rename(mallory.id, username=EMAIL, canonical_username=EMAIL)
        )
        await forget(api.client(), EMAIL)
        (mail,) = await mailbox.unread(api)
    assert (mail.recipient, mail.values["account"]) == (EMAIL, "alice")
