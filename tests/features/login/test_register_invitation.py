"""A registration with an invitation, and who may register without one."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.composition import open_services
from jwtapi.housekeeping import Housekeeping
from jwtapi.security.email_addresses import parse_email
from jwtapi.security.link_tokens import TEXT_LENGTH, LinkPurpose, LinkTokens
from jwtapi.storage.database import Database
from jwtapi.storage.invitations import Invitation
from jwtapi.users.errors import EmailTaken, RegistrationClosed
from jwtapi.users.invitations import VALID_DAYS, InvitationService
from tests.conftest import REFRESH_SECRET, MakeSettings, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.clock import FakeClock
from tests.support.emails import set_email
from tests.support.smtp import Mailbox

BOB = "bob@example.com"
DAY = 24 * 3600
INVALID = (400, "link_invalid", "This link is no longer valid")
WITHOUT_MAIL: dict[str, Any] = {
    "environment": "production",
    "bcrypt_rounds": 10,
    "docs_enabled": True,
    "public_url": "https://auth.example.com",
}
OTHER_SECRET = "1d7e4f0a6b29c85d3f18a7e6402b9cd57f63810e4ab2d95c08e7163fa4b5d29c"


async def attempt(client: httpx.AsyncClient, invitation: str, username: str = "bob", **members: Any) -> httpx.Response:
    body = {"username": username, "password": PASSWORD, "invitation": invitation} | members
    return await client.post("/register", json=body)


async def invite(api: Api, mailbox: Mailbox, email: str = BOB, *roles: str) -> str:
    """Invite somebody, and return the token of the link in the mail."""
    assert await api.services[InvitationService].invite(parse_email(email), COMMAND_LINE, roles=roles) is None
    return (await mailbox.next(parse_email(email).display)).values["invitation"]


async def invite_without_mail(api: Api, email: str = BOB, *roles: str) -> str:
    link = await api.services[InvitationService].invite(parse_email(email), COMMAND_LINE, roles=roles)
    assert link is not None
    (token,) = parse_qs(urlsplit(link).fragment)["invitation"]
    return token


async def stored_invitation(api: Api) -> Invitation:
    ((invitation_id,),) = await api.sql("SELECT id FROM invitations")
    found = await api.services[Database].read(lambda uow: uow.invitations.get(UUID(str(invitation_id))))
    assert found is not None
    return found


async def test_a_mailed_invitation_registers_a_user_with_its_roles_and_its_verified_address(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(registration="invite", **mailbox.settings) as api:
        token = await invite(api, mailbox, "Bob@Example.com", "staff", "editor")
        response = await attempt(api.client(), token)
        user = await api.user("bob")
        assert response.json() == {"message": "User registered successfully", "id": str(user.id)}
        assert (user.email, user.canonical_email, user.pending_email) == ("Bob@example.com", "bob@example.com", None)
        assert user.roles == ["staff", "editor"]
        assert await mailbox.unread(api) == []
        assert await api.event_types("bob") == ["user.registered"]
        assert await api.event_types(None) == ["user.invited"]


async def test_the_link_leads_to_the_page_of_the_registration_and_has_the_token_where_no_server_sees_it(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        await api.services[InvitationService].invite(parse_email(BOB), COMMAND_LINE)
        mail = await mailbox.next(BOB)
    (link,) = mail.links
    assert link == f"https://auth.example.com/account/register#invitation={mail.values['invitation']}"
    assert link in mail.html
    assert mail.subject == "Invitation to auth.example.com"


async def test_a_printed_invitation_verifies_no_address(run_api: RunApi, mailbox: Mailbox) -> None:
    """Somebody else than the owner of the address may have got it. It is verified by mail when mail is sent."""
    async with run_api(**WITHOUT_MAIL) as api:
        first = await invite_without_mail(api, BOB, "staff")
        second = await invite_without_mail(api, "carol@example.com")
        assert (await attempt(api.client(), first)).status_code == 201
        user = await api.user("bob")
        assert (user.email, user.pending_email, user.roles) == (None, None, ["staff"])
    async with run_api(**mailbox.settings) as api:
        assert (await attempt(api.client(), second, "carol")).status_code == 201
        user = await api.user("carol")
        assert (user.email, user.pending_email) == (None, "carol@example.com")
        assert (await mailbox.next("carol@example.com")).values["account"] == "carol"


async def test_two_registrations_at_once_with_one_invitation_make_one_user(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(registration="invite", **mailbox.settings) as api:
        token = await invite(api, mailbox)
        names = [f"bob{number}" for number in range(8)]
        answers = await asyncio.gather(*(attempt(api.client(), token, name) for name in names))
        assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7
        assert {error_of(answer) for answer in answers if answer.status_code == 400} == {INVALID}
        assert await api.sql("SELECT count(*) FROM users") == [(1,)]
        assert error_of(await attempt(api.client(), token, "carol")) == INVALID


@pytest.mark.parametrize(
    ("members", "code"),
    (
        ({"password": "short"}, "password_too_short"),
        ({"password": "passwordpassword"}, "password_too_common"),
        ({"username": "two words"}, "username_invalid"),
        ({"username": "admin"}, "username_reserved"),
        ({"username": "alice"}, "username_taken"),
        ({"email": "eve@example.com"}, "email_differs"),
        ({"email": "x"}, "email_invalid"),
        ({"password": ""}, "credentials_required"),
        ({"email": 5}, "validation_failed"),
    ),
)
async def test_a_refused_registration_does_not_use_up_the_invitation(
    run_api: RunApi, mailbox: Mailbox, members: dict[str, Any], code: str
) -> None:
    async with run_api(password_blocklist=True, **mailbox.settings) as api:
        await register(api.client())
        token = await invite(api, mailbox)
        assert error_of(await attempt(api.client(), token, **members))[1] == code
        assert (await attempt(api.client(), token)).status_code == 201


async def test_a_name_that_is_taken_in_the_last_moment_does_not_use_up_the_invitation(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        token = await invite(api, mailbox)
        others = (register(api.client(), "bob"), attempt(api.client(), token, "bob"))
        _, answer = await asyncio.gather(*others, return_exceptions=True)
        if isinstance(answer, httpx.Response) and answer.status_code == 409:
            assert (await attempt(api.client(), token, "carol")).status_code == 201
        assert await api.sql("SELECT count(*) FROM invitations WHERE used_at IS NULL") == [(0,)]


async def test_the_invited_address_counts_and_another_one_is_refused(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(email_required=True, **mailbox.settings) as api:
        token = await invite(api, mailbox)
        refused = await attempt(api.client(), token, email="eve@example.com")
        assert error_of(refused) == (400, "email_differs", "This invitation is for another e-mail address")
        assert [error["field"] for error in refused.json()["errors"]] == ["email"]
        assert (await attempt(api.client(), token, email="BOB@example.com")).status_code == 201
        assert (await api.user("bob")).email == BOB


async def test_an_address_that_somebody_else_has_verified_meanwhile_is_taken(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        token = await invite(api, mailbox)
        await set_email(api, BOB)
        refused = (409, "email_taken", "Another account uses this e-mail address")
        assert error_of(await attempt(api.client(), token)) == refused
        assert await api.sql("SELECT count(*) FROM users") == [(1,)]
        await set_email(api, "alice@example.com")
        assert (await attempt(api.client(), token)).status_code == 201


async def test_an_invitation_expires_and_is_deleted(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        token = await invite(api, mailbox)
        api.clock.advance(VALID_DAYS * DAY - 2)
        await api.services[Housekeeping].clean_up()
        assert error_of(await attempt(api.client(), token, username="a b"))[1] == "username_invalid"
        api.clock.advance(2)
        assert error_of(await attempt(api.client(), token)) == (400, "link_expired", "This link has expired")
        assert await api.services[Housekeeping].prune("invitations") == 1
        assert await api.sql("SELECT count(*) FROM invitations") == [(0,)]


async def test_a_token_that_claims_to_be_valid_for_longer_is_refused(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        token = await invite(api, mailbox)
        api.clock.advance(VALID_DAYS * DAY)
        claims = LinkTokens.decode(token, LinkPurpose.ACCEPT_INVITATION, (await stored_invitation(api)).created_at)
        later = LinkTokens(OTHER_SECRET).issue(
            LinkPurpose.ACCEPT_INVITATION,
            claims.subject,
            bound_to=b"x",
            expires_at=api.clock.now.replace(year=api.clock.now.year + 1),
        )
        assert error_of(await attempt(api.client(), later)) == INVALID


async def test_inviting_an_address_again_makes_the_former_invitation_void(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(registration="invite", **mailbox.settings) as api:
        first = await invite(api, mailbox, BOB, "admin")
        second = await invite(api, mailbox, "BOB@example.com", "staff")
        assert error_of(await attempt(api.client(), first)) == INVALID
        assert (await attempt(api.client(), second)).status_code == 201
        assert (await api.user("bob")).roles == ["staff"]


async def test_many_invitations_of_one_address_at_once_leave_one(run_api: RunApi) -> None:
    async with run_api(registration="invite", **WITHOUT_MAIL) as api:
        tokens = await asyncio.gather(*(invite_without_mail(api, email) for email in [BOB, "Bob@example.com"] * 4))
        answers = [await attempt(api.client(), token, f"bob{number}") for number, token in enumerate(tokens)]
        assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7


async def test_a_mail_to_somebody_whose_invitation_was_replaced_is_not_sent(
    make_settings: MakeSettings, run_api: RunApi, clock: FakeClock, mailbox: Mailbox
) -> None:
    async with open_services(make_settings(**mailbox.settings), clock) as services:  # nothing sends the mails yet
        for _ in range(3):
            await services[InvitationService].invite(parse_email(BOB), COMMAND_LINE)
    async with run_api(**mailbox.settings) as api:
        assert await api.sql("SELECT count(*) FROM invitations") == [(1,)]
        mail = await mailbox.next(BOB)
        assert await mailbox.unread(api) == []
        assert (await attempt(api.client(), mail.values["invitation"])).status_code == 201


async def test_an_invitation_of_another_server_is_refused_and_one_of_the_previous_secret_is_not(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        token = await invite(api, mailbox)
    async with run_api(refresh_secret=OTHER_SECRET) as api:
        assert error_of(await attempt(api.client(), token)) == INVALID
    async with run_api(refresh_secret=OTHER_SECRET, refresh_secret_previous=REFRESH_SECRET) as api:
        assert (await attempt(api.client(), token)).status_code == 201


async def test_a_token_needs_the_secret_the_key_of_the_invitation_and_the_right_purpose(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        await invite(api, mailbox)
        invitation = await stored_invitation(api)
        at = {"expires_at": invitation.expires_at}
        ours, theirs = api.services[LinkTokens], LinkTokens(OTHER_SECRET)
        accept = LinkPurpose.ACCEPT_INVITATION
        forged = [
            ours.issue(accept, invitation.id, bound_to=bytes(32), **at),  # who knows only the secret
            theirs.issue(accept, invitation.id, bound_to=invitation.key, **at),  # who knows only the database
            ours.issue(accept, uuid4(), bound_to=invitation.key, **at),
            ours.issue(LinkPurpose.VERIFY_EMAIL, invitation.id, bound_to=invitation.key, **at),
            ours.issue(LinkPurpose.RESET_PASSWORD, invitation.id, bound_to=invitation.key, **at),
        ]
        for token in forged:
            assert error_of(await attempt(api.client(), token)) == INVALID
        # A token that was printed must not verify an address by the purpose that it does not have.
        printed = ours.issue(LinkPurpose.ACCEPT_PRINTED_INVITATION, invitation.id, bound_to=invitation.key, **at)
        assert (await attempt(api.client(), printed)).status_code == 201
        assert (await api.user("bob")).email is None


@on_sqlite
@pytest.mark.parametrize(
    "token",
    ("x", " ", "A" * TEXT_LENGTH, "A" * (TEXT_LENGTH - 1), "_" * TEXT_LENGTH, "é" * TEXT_LENGTH, "\0", "x" * 60_000),
)
async def test_what_is_no_token_is_refused(api: Api, token: str) -> None:
    assert error_of(await attempt(api.client(), token))[:2] in {(400, "link_invalid"), (400, "link_expired")}
    assert await api.sql("SELECT count(*) FROM users") == [(0,)]


async def test_where_an_invitation_is_needed_nobody_registers_without_one(run_api: RunApi) -> None:
    async with run_api(registration="invite") as api:
        for members in ({}, {"invitation": None}, {"invitation": ""}, {"email": BOB}):
            response = await api.client().post("/register", json={"username": "bob", "password": PASSWORD} | members)
            assert error_of(response) == (403, "invitation_required", "Registration needs an invitation")
        assert await api.sql("SELECT count(*) FROM users") == [(0,)]


async def test_without_a_valid_invitation_nobody_finds_out_which_names_are_taken(run_api: RunApi) -> None:
    async with run_api(registration="invite", **WITHOUT_MAIL) as api:
        assert (await attempt(api.client(), await invite_without_mail(api), "alice")).status_code == 201
        token = await invite_without_mail(api, "carol@example.com")
        forged = f"{token[:-2]}{'AA' if token[-2:] != 'AA' else 'BB'}"
        answers = [await attempt(api.client(), forged, name) for name in ("alice", "nobody")]
        assert [error_of(answer) for answer in answers] == [INVALID] * 2


async def test_where_registration_is_closed_nobody_registers_not_even_with_an_invitation(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        token = await invite(api, mailbox)
    async with run_api(registration="closed", **mailbox.settings) as api:
        client = api.client()
        refused = (403, "registration_closed", "Registration is closed")
        assert error_of(await attempt(client, token)) == refused
        response = await client.post("/register", json={"username": "bob", "password": PASSWORD})
        assert error_of(response) == refused
        with pytest.raises(RegistrationClosed):
            await api.services[InvitationService].invite(parse_email("carol@example.com"), COMMAND_LINE)


async def test_guesses_of_invitations_count_as_registrations(run_api: RunApi) -> None:
    async with run_api(
        registration="invite", rate_limit_enabled=True, register_rate_limit="3/hour", **WITHOUT_MAIL
    ) as api:
        token = await invite_without_mail(api)
        client = api.client()
        for _ in range(5):  # it is not even looked at
            response = await client.post("/register", json={"username": "bob", "password": PASSWORD})
            assert error_of(response)[1] == "invitation_required"
        guess = f"{token[:-2]}{'AA' if token[-2:] != 'AA' else 'BB'}"
        answers = [(await attempt(client, guess)).status_code for _ in range(4)]
        assert answers == [400, 400, 400, 429]
        assert (await attempt(client, token)).status_code == 429
        assert (await attempt(api.client("198.51.100.1"), token)).status_code == 201


async def test_an_invited_user_signs_in(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(registration="invite", **mailbox.settings) as api:
        token = await invite(api, mailbox, BOB, "staff")
        assert (await attempt(api.client(), token)).status_code == 201
        client = await sign_in(api.client(), "bob")
        assert (await client.get("/profile")).json() == {"username": "bob"}


async def test_an_address_that_a_user_has_verified_is_not_invited(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await register(api.client())
        await set_email(api, "alice@example.com")
        with pytest.raises(EmailTaken):
            await api.services[InvitationService].invite(parse_email("Alice@example.com"), COMMAND_LINE)
        assert await api.sql("SELECT count(*) FROM invitations") == [(0,)]
        assert await api.sql("SELECT count(*) FROM mails") == [(0,)]


async def test_neither_the_outbox_nor_a_repr_nor_an_event_has_the_token_or_the_address(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        mailbox.stop()
        await api.services[InvitationService].invite(parse_email(BOB), COMMAND_LINE)
        invitation = await stored_invitation(api)
        assert BOB not in repr(invitation)
        assert repr(invitation.key) not in repr(invitation)
        rows = repr(await api.sql("SELECT * FROM mails")) + repr(await api.events(None))
        assert BOB not in rows
        assert invitation.key.hex() not in rows
