"""The five attacks of Sudhodanan and Paverd: an account is prepared for a victim before the victim has one.

"Pre-hijacked accounts: An Empirical Study of Security Failures in User Account Creation on the Web", USENIX Security
2022. Two of them need sign-in by another provider. Their tests show what such a sign-in would find: an address that
nobody has verified leads to no account.
"""

import httpx

from jwtapi.storage.database import Database
from jwtapi.users.logins import parse_login
from tests.conftest import RunApi
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.emails import enter_email, give_email, set_pending_email, token_of, verify_email
from tests.support.smtp import Mailbox

VICTIM, ATTACKER = "victim@example.com", "attacker@example.com"
OF_VICTIM = "the password of the victim"


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/profile")).status_code == 200


async def log_in(api: Api, login: str, password: str) -> int:
    return (await api.client().post("/login", json={"username": login, "password": password})).status_code


async def test_classic_federated_merge_an_account_with_an_unverified_address_is_not_found_by_it(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    """The attacker enters the victim's address first. The victim must get another account."""
    async with run_api(**mailbox.settings) as api:
        await enter_email(await api.signed_in("attacker"), VICTIM)
        database = api.services[Database]
        assert await database.read(parse_login(VICTIM).user) is None
        victim = await api.signed_in("victim", OF_VICTIM)
        await mailbox.next(VICTIM)
        await give_email(victim, mailbox, VICTIM)
        found = await database.read(parse_login(VICTIM).user)
        assert found is not None
        assert found.username == "victim"
        assert await log_in(api, VICTIM, PASSWORD) == 401


async def test_unexpired_session_the_attackers_sessions_end_when_the_victim_takes_the_account_over(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        attacker = await api.signed_in("attacker")
        await enter_email(attacker, VICTIM)
        # The victim believes that the account is the own one, confirms the address, and asks for a new password.
        assert (await verify_email(api.client(), await token_of(mailbox, VICTIM, "verify"))).status_code == 200
        assert not await is_signed_in(attacker)
        assert error_of(await attacker.post("/refresh"))[:2] == (403, "refresh_token_invalid")
        attacker = await sign_in(attacker, "attacker")
        await api.client().post("/password/forgot", json={"login": VICTIM})
        token = await token_of(mailbox, VICTIM, "reset")
        reset = await api.client().post("/password/reset", json={"token": token, "password": OF_VICTIM})
        assert reset.status_code == 200, reset.text
        assert not await is_signed_in(attacker)
        assert error_of(await attacker.post("/refresh"))[:2] == (403, "refresh_token_invalid")
        assert [await log_in(api, VICTIM, password) for password in (PASSWORD, OF_VICTIM)] == [401, 200]


async def test_trojan_identifier_the_victims_address_does_not_come_to_an_account_that_the_attacker_has_verified(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    """The attacker's own address is on the account first, and could undo the change to the victim's address."""
    async with run_api(**mailbox.settings) as api:
        attacker = await api.signed_in("attacker")
        await give_email(attacker, mailbox, ATTACKER)
        await enter_email(attacker, VICTIM)
        token = await token_of(mailbox, VICTIM, "verify")
        victim = await api.signed_in("victim", OF_VICTIM)
        for client in (api.client(), victim):
            assert error_of(await verify_email(client, token))[:2] == (403, "sign_in_required")
        assert (await api.user("attacker")).email == ATTACKER
        await give_email(victim, mailbox, VICTIM)
        assert error_of(await verify_email(attacker, token))[:2] == (409, "email_taken")


async def test_unexpired_email_change_the_attackers_link_is_void_after_the_victim_has_reset_the_password(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        attacker = await api.signed_in("attacker")
        await give_email(attacker, mailbox, VICTIM)  # whoever the victim is, has confirmed it
        await enter_email(attacker, ATTACKER)
        change = await token_of(mailbox, ATTACKER, "verify")
        await api.client().post("/password/forgot", json={"login": VICTIM})
        token = await token_of(mailbox, VICTIM, "reset")
        await api.client().post("/password/reset", json={"token": token, "password": OF_VICTIM})
        assert error_of(await verify_email(api.client(), change))[:2] == (400, "link_invalid")
        user = await api.user("attacker")
        assert (user.email, user.pending_email) == (VICTIM, None)


async def test_non_verifying_provider_nothing_is_attached_to_the_victims_account_by_an_address_alone(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    """The victim has an account. The attacker claims the same address, and must not get to it."""
    async with run_api(**mailbox.settings) as api:
        await give_email(await api.signed_in("victim", OF_VICTIM), mailbox, VICTIM)
        attacker = await api.signed_in("attacker")
        await enter_email(attacker, VICTIM)
        assert "token" not in (await mailbox.next(VICTIM)).text
        assert await log_in(api, VICTIM, PASSWORD) == 401
        # Even a link for this address, which no mail has, gives the attacker nothing.
        token = await set_pending_email(api, VICTIM, "attacker")
        assert error_of(await verify_email(attacker, token))[:2] == (409, "email_taken")
        assert (await api.user("attacker")).email is None
        assert await log_in(api, VICTIM, OF_VICTIM) == 200
