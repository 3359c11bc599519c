"""Users whom an administrator makes."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.mail.errors import MailUnavailable
from jwtapi.security.email_addresses import parse_email
from jwtapi.security.password_policy import PasswordTooShort
from jwtapi.security.usernames import UsernameInvalid
from jwtapi.users.errors import EmailTaken, IsServiceAccount, MetadataInvalid, UsernameTaken
from jwtapi.users.roles import RolesInvalid
from jwtapi.users.service import UserService
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, sign_in
from tests.support.emails import set_email, token_of, verify_email
from tests.support.smtp import Mailbox

EMAIL = parse_email("bob@example.com")


async def test_a_created_user_has_what_the_administrator_says_and_the_event_names_the_administrator(api: Api) -> None:
    actor = uuid4()
    caller = replace(COMMAND_LINE, address="203.0.113.9", actor_id=actor)
    user = await api.services[UserService].create(
        " Root ", PASSWORD, caller, email=EMAIL, email_is_verified=True, roles=["staff"], metadata={"plan": "pro"}
    )
    assert user == await api.user("root")
    assert (user.username, user.email, user.pending_email) == ("Root", "bob@example.com", None)
    assert (user.roles, user.metadata, user.is_service_account) == (["staff"], {"plan": "pro"}, False)
    [created] = await api.events("root")
    assert (created.type, created.actor_id, created.address) == ("user.created", actor, "203.0.113.9")
    await sign_in(api.client(), "bob@example.com")


@on_sqlite
async def test_the_address_of_a_created_user_waits_for_a_link_unless_it_is_verified(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        user = await api.services[UserService].create("bob", None, COMMAND_LINE, email=EMAIL)
        assert (user.email, user.pending_email, user.password_hash) == (None, "bob@example.com", None)
        assert (await verify_email(api.client(), await token_of(mailbox, EMAIL.display, "verify"))).status_code == 200
        assert (await api.user("bob")).email == "bob@example.com"
    async with run_api(environment="production", bcrypt_rounds=10) as api:
        with pytest.raises(MailUnavailable):
            await api.services[UserService].create("carol", None, COMMAND_LINE, email=EMAIL)


WRONG: tuple[tuple[dict[str, Any], type[Exception]], ...] = (
    ({"username": "two words"}, UsernameInvalid),
    ({"username": "ALICE"}, UsernameTaken),
    ({"password": "short"}, PasswordTooShort),
    ({"roles": ["a,b"]}, RolesInvalid),
    ({"metadata": []}, MetadataInvalid),
    ({"metadata": {"plan": "x" * 1100}}, MetadataInvalid),
    ({"email": parse_email("alice@example.com"), "email_is_verified": True}, EmailTaken),
    ({"is_service_account": True}, IsServiceAccount),
    ({"is_service_account": True, "password": None, "email": EMAIL}, IsServiceAccount),
)


async def test_a_user_who_cannot_be_created_leaves_nothing(run_api: RunApi) -> None:
    async with run_api(token_claims="plan") as api:
        await api.signed_in()
        await set_email(api, "alice@example.com")
        right: dict[str, Any] = {"username": "bob", "password": PASSWORD, "caller": COMMAND_LINE}
        for wrong, error in WRONG:
            with pytest.raises(error):
                await api.services[UserService].create(**right | wrong)
            assert await api.sql("SELECT username FROM users") == [("alice",)], wrong
            assert await api.sql("SELECT count(*) FROM user_roles") == [(0,)], wrong
