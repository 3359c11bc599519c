"""POST /api/admin/users and /api/admin/invitations."""

from typing import Any

import httpx
import pytest

from jwtapi.features.admin.schemas import CreatedUser, Invitation, ResetLink
from tests.conftest import RunApi, on_sqlite
from tests.support.administration import USERS, administrator, create
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.emails import set_email, token_of, verify_email
from tests.support.smtp import Mailbox


@pytest.fixture
async def root(api: Api) -> httpx.AsyncClient:
    return await administrator(api)


def test_no_link_is_in_the_repr_of_an_answer() -> None:
    for made in (
        ResetLink(link="hunter2"),
        Invitation(link="hunter2"),
        CreatedUser.model_construct(reset_link="hunter2"),
    ):
        assert "hunter2" not in repr(made)


async def test_a_user_with_a_password_can_sign_in_whatever_the_registration_is(run_api: RunApi) -> None:
    async with run_api(registration="closed", reserved_usernames="support") as api:
        root = await administrator(api)
        created = await create(root, "Support", password=PASSWORD, roles=["staff"], metadata={"department": "sales"})
        assert created["resetLink"] is None
        assert {name: created[name] for name in ("username", "roles", "metadata", "hasPassword", "state")} == {
            "username": "Support",
            "roles": ["staff"],
            "metadata": {"department": "sales"},
            "hasPassword": True,
            "state": "enabled",
        }
        await sign_in(api.client(), "support")
        events = await api.events("support")
        assert (events[0].type, events[0].actor_id) == ("user.created", (await api.user("root")).id)


async def test_a_user_without_password_and_address_sets_one_by_the_link(api: Api, root: httpx.AsyncClient) -> None:
    created = await create(root, "alice")
    assert (created["hasPassword"], created["isServiceAccount"]) == (False, False)
    token = created["resetLink"].partition("token=")[2].partition("&")[0]
    body = {"token": token, "password": PASSWORD}
    assert (await api.client().post("/password/reset", json=body)).status_code == 200
    await sign_in(api.client())


async def test_the_link_of_a_user_with_an_address_is_sent_to_it_and_to_nobody_else(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        root = await administrator(api)
        created = await create(root, "alice", email="alice@example.com")
        assert (created["resetLink"], created["email"], created["pendingEmail"]) == (None, "alice@example.com", None)
        token = await token_of(mailbox, "alice@example.com", "reset")
        body = {"token": token, "password": PASSWORD}
        assert (await api.client().post("/password/reset", json=body)).status_code == 200
        await sign_in(api.client(), "alice@example.com")


async def test_the_address_of_a_user_whose_password_the_administrator_knows_waits(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        root = await administrator(api)
        created = await create(root, "alice", email="alice@example.com", password=PASSWORD)
        assert (created["email"], created["pendingEmail"]) == (None, "alice@example.com")
        token = await token_of(mailbox, "alice@example.com", "verify")
        assert (await verify_email(api.client(), token)).status_code == 200
        assert (await api.user()).email == "alice@example.com"


WRONG: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({"username": "ALICE"}, 409, "username_taken"),
    ({"email": "ALICE@example.com"}, 409, "email_taken"),
    ({"username": "two words"}, 400, "username_invalid"),
    ({"username": "-x"}, 400, "username_invalid"),
    ({"username": "bob@example.com"}, 400, "username_invalid"),
    ({"password": "short"}, 400, "password_too_short"),
    ({"email": "nobody"}, 400, "email_invalid"),
    ({"roles": [" "]}, 400, "roles_invalid"),
    ({"metadata": {"a": "x" * 5000}}, 400, "metadata_invalid"),
    ({"isServiceAccount": True, "password": PASSWORD}, 409, "service_account"),
    ({"isServiceAccount": True, "email": "robot@example.com"}, 409, "service_account"),
    ({"id": "0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36"}, 400, "validation_failed"),
    ({"settings": {}}, 400, "validation_failed"),
)


@on_sqlite
async def test_a_user_who_cannot_be_is_refused(api: Api, root: httpx.AsyncClient) -> None:
    await register(api.client())
    await set_email(api, "alice@example.com")
    before = await api.sql("SELECT count(*) FROM users")
    for members, status, code in WRONG:
        response = await root.post(USERS, json={"username": "bob"} | members)
        assert error_of(response)[:2] == (status, code), members
    assert await api.sql("SELECT count(*) FROM users") == before


async def test_an_invitation_registers_one_user_with_its_roles(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(registration="invite", **mailbox.settings) as api:
        root = await administrator(api)
        body = {"email": "alice@example.com", "roles": ["staff"]}
        invited = await root.post("/api/admin/invitations", json=body)
        assert (invited.status_code, invited.json()) == (201, {"link": None})
        token = (await mailbox.next("alice@example.com")).values["invitation"]
        new = {"username": "alice", "password": PASSWORD, "invitation": token}
        assert (await api.client().post("/register", json=new)).status_code == 201
        assert (await api.user()).roles == ["staff"]
        assert error_of(await root.post("/api/admin/invitations", json=body))[:2] == (409, "email_taken")
        events = [event for event in await api.events(None) if event.type == "user.invited"]
        assert [event.actor_id for event in events] == [(await api.user("root")).id]


@on_sqlite
async def test_a_server_without_mail_returns_the_link_of_an_invitation(run_api: RunApi) -> None:
    production: dict[str, Any] = {
        "environment": "production",
        "public_url": "https://auth.example.com",
        "bcrypt_rounds": 10,
    }
    async with run_api(**production) as api:
        root = await administrator(api)
        link = (await root.post("/api/admin/invitations", json={"email": "alice@example.com"})).json()["link"]
        assert link.startswith("https://auth.example.com/account/register#invitation=")
        response = await root.post(USERS, json={"username": "alice", "email": "alice@example.com"})
        assert error_of(response)[:2] == (501, "mail_unavailable")
