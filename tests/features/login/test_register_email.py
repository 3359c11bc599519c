"""A registration with an e-mail address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from jwtapi.app import create_app
from jwtapi.composition import open_services
from jwtapi.security.passwords import PasswordHasher
from jwtapi.settings import Settings
from tests.conftest import MakeSettings, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register
from tests.support.clock import FakeClock
from tests.support.emails import set_email
from tests.support.smtp import Mailbox
from tests.support.statements import statements

WITHOUT_MAIL = {"environment": "production", "bcrypt_rounds": 10, "docs_enabled": True}
MAILS = "SELECT kind, recipient, details, language, attempts FROM mails"


async def attempt(client: httpx.AsyncClient, username: str = "alice", **members: object) -> httpx.Response:
    return await client.post("/register", json={"username": username, "password": PASSWORD} | members)


@asynccontextmanager
async def running_without_jobs(settings: Settings, clock: FakeClock) -> AsyncIterator[Api]:
    """Run the app alone, so that the mails stay in the outbox, and only requests send statements."""
    async with open_services(settings, clock) as services:
        api = Api(create_app(services), services, clock)
        yield api
        await api.close()


async def test_an_address_waits_until_the_link_that_was_mailed_to_it_is_opened(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        response = await attempt(api.client(), email=" Alice@Example.COM ")
        user = await api.user()
        assert response.status_code == 201
        assert response.json() == {"message": "User registered successfully", "id": str(user.id)}
        assert (user.email, user.canonical_email, user.pending_email) == (None, None, "Alice@example.com")
        mail = await mailbox.next("Alice@example.com")
    assert mail.subject == "Confirm your e-mail address for auth.example.com"
    assert mail.values["account"] == "alice"


async def test_the_mail_has_the_language_that_the_browser_prefers(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        browser = api.client(**{"Accept-Language": "fr, de-AT;q=0.9, en;q=0.8"})
        assert (await attempt(browser, email="alice@example.com")).status_code == 201
        assert (await mailbox.next("alice@example.com")).subject.startswith("Bestätigen Sie")


@pytest.mark.parametrize("email", (None, ""))
async def test_no_address_is_needed_and_a_browser_may_send_an_empty_field(api: Api, email: str | None) -> None:
    assert (await attempt(api.client(), email=email)).status_code == 201
    assert (await api.user()).pending_email is None
    assert await api.sql(MAILS) == []


@on_sqlite
@pytest.mark.parametrize("members", ({}, {"email": None}, {"email": ""}))
async def test_an_address_is_needed_where_the_setting_requires_one(
    run_api: RunApi, mailbox: Mailbox, members: dict[str, Any]
) -> None:
    async with run_api(email_required=True, **mailbox.settings) as api:
        response = await attempt(api.client(), **members)
        assert error_of(response) == (400, "email_required", "E-mail address is required")
        assert [error["field"] for error in response.json()["errors"]] == ["email"]
        assert (await attempt(api.client(), email="alice@example.com")).status_code == 201


@on_sqlite
@pytest.mark.parametrize(
    "email",
    (
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "alice@localhost",
        "alice@[127.0.0.1]",
        "Alice <alice@example.com>",
        "alice@example.com, eve@example.com",
        "alice@example.com\r\nBcc: eve@example.com",
        "alice@example.com\nSubject: you won",
        "alice\r@example.com",
        '"alice\r\nBcc: eve@example.com"@example.com',
        "alice@example.com%0d%0aBcc:eve@example.com\n",
        "alice@example.com\0",
        "alice\u2028@example.com",
        "\u202ealice@example.com",
        "m\u0131ke@example.com",
        f"{'x' * 65}@example.com",
        f"alice@{'x' * 250}.com",
        "x" * 60_000,
    ),
)
async def test_what_is_no_address_is_refused_and_reaches_no_mail_server(api: Api, email: str) -> None:
    response = await attempt(api.client(), email=email)
    assert error_of(response) == (400, "email_invalid", "This is not a valid e-mail address")
    assert [error["field"] for error in response.json()["errors"]] == ["email"]
    assert await api.sql(MAILS) == []
    assert await api.sql("SELECT count(*) FROM users") == [(0,)]


@on_sqlite
@pytest.mark.parametrize("email", (5, ["alice@example.com"], {"$ne": None}, True))
async def test_an_address_that_is_not_a_string_is_refused(client: httpx.AsyncClient, email: object) -> None:
    response = await attempt(client, email=email)
    assert error_of(response) == (400, "validation_failed", "The request is not valid")
    assert response.json()["errors"] == [{"field": "email", "message": "Input should be a valid string"}]


async def test_an_address_is_refused_where_no_mail_could_verify_it(run_api: RunApi) -> None:
    async with run_api(**WITHOUT_MAIL) as api:
        client = api.client()
        response = await attempt(client, email="alice@example.com")
        assert error_of(response) == (501, "mail_unavailable", "This server cannot send mail")
        assert (await attempt(client)).status_code == 201


async def test_one_address_gets_one_mail_in_a_minute_from_wherever_people_register_with_it(
    make_settings: MakeSettings, clock: FakeClock, mailbox: Mailbox
) -> None:
    async with running_without_jobs(make_settings(rate_limit_enabled=True, **mailbox.settings), clock) as api:
        assert (await attempt(api.client("203.0.113.1"), email="alice@example.com")).status_code == 201
        second = await attempt(api.client("203.0.113.2"), "bob", email="Alice@EXAMPLE.com")
        assert error_of(second)[:2] == (429, "too_many_attempts")
        assert second.headers["Retry-After"] == "60"
        assert (await attempt(api.client("203.0.113.2"), "bob")).status_code == 201
        assert len(await api.sql(MAILS)) == 1
        clock.advance(60)
        assert (await attempt(api.client("203.0.113.3"), "carol", email="alice@example.com")).status_code == 201


async def test_a_known_address_is_answered_with_the_same_statements_hashes_and_rows_as_an_unknown_one(
    make_settings: MakeSettings, clock: FakeClock, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    hash_ = PasswordHasher.hash

    async def counting(self: PasswordHasher, password: str, **options: Any) -> str:
        hashes.append(password)
        return await hash_(self, password, **options)

    monkeypatch.setattr(PasswordHasher, "hash", counting)
    async with running_without_jobs(make_settings(rate_limit_enabled=True, **mailbox.settings), clock) as api:
        await register(api.client())
        await set_email(api, "known@example.com")
        found = []
        for username, email in (("carol", "nobody@example.com"), ("david", "Known@example.com")):
            hashes.clear()
            with statements(api) as sent:
                response = await attempt(api.client(f"203.0.113.{len(username + email)}"), username, email=email)
            ((kind, recipient, *rest),) = await api.sql(MAILS)
            assert recipient == email
            await api.sql("DELETE FROM mails")
            found.append(
                (
                    response.status_code,
                    response.json().keys(),
                    response.headers.keys(),
                    len(hashes),
                    [sql for sql, _ in sent],
                    (kind, *rest),
                )
            )
        assert found[0] == found[1]
        assert found[0][3] == 1
        assert found[0][5][0] == "verify_email"
        assert (await api.user("david")).pending_email == "Known@example.com"


async def test_only_the_mail_tells_somebody_that_the_address_has_an_account(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        await set_email(api, "alice@example.com")
        assert (await attempt(api.client(), "mallory", email="ALICE@example.com")).status_code == 201
        mail = await mailbox.next("ALICE@example.com")
        assert "mallory" not in mail.text
        assert all("token" not in link for link in mail.links)
        user = await api.user("mallory")
    assert (user.email, user.pending_email) == (None, "ALICE@example.com")


async def test_an_address_that_waits_blocks_nobody_else(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        for username in ("mallory", "alice"):
            assert (await attempt(api.client(), username, email="alice@example.com")).status_code == 201
        accounts = {(await mailbox.next("alice@example.com")).values["account"] for _ in range(2)}
    assert accounts == {"mallory", "alice"}


async def test_a_refused_registration_sends_no_mail(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        for members in ({}, {"username": "bob", "password": "short"}, {"username": "two words"}):
            response = await attempt(api.client(), **{"username": "alice", "email": "bob@example.com"} | members)
            assert response.status_code in {400, 409}
        assert await mailbox.unread(api) == []


@on_sqlite
@pytest.mark.parametrize("name", ("alice@example.com", "@alice", "alice＠example.com", "alice﹫example.com"))
async def test_a_new_name_has_no_at_sign_because_it_would_look_like_an_address(
    client: httpx.AsyncClient, name: str
) -> None:
    response = await attempt(client, name)
    refused = (400, "username_invalid", "Username must not contain @, because it would look like an e-mail address")
    assert error_of(response) == refused
    assert [error["field"] for error in response.json()["errors"]] == ["username"]


async def test_a_user_of_before_whose_name_has_an_at_sign_can_still_sign_in(
    api: Api, client: httpx.AsyncClient
) -> None:
    await register(client)
    await api.sql("UPDATE users SET username = 'a@b.example', canonical_username = 'a@b.example'")
    response = await client.post("/login", json={"username": "a@b.example", "password": PASSWORD})
    assert response.status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "needed"),
    (({}, set()), ({"email_required": True}, {"email"}), ({"registration": "invite"}, {"invitation"})),
)
async def test_the_first_example_of_the_document_has_what_a_registration_needs(
    run_api: RunApi, settings: dict[str, Any], needed: set[str]
) -> None:
    async with run_api(**settings) as api:
        document = (await api.client().get("/openapi.json")).json()
    schema = document["components"]["schemas"]["RegisterRequest"]
    assert schema["examples"][0].keys() == {"username", "password"} | needed
    assert schema["required"] == ["username", "password"]
    assert {name: schema["properties"][name]["type"] for name in ("email", "invitation")} == {
        "email": ["string", "null"],
        "invitation": ["string", "null"],
    }
