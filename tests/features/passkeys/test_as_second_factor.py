"""A passkey after a password: at the login, at the token endpoint, and to sign in again."""

import json

import httpx
import pytest

from tests.conftest import on_sqlite
from tests.features.passkeys.test_passkeys import HOSTILE, challenge, with_passkey
from tests.support.api import PASSWORD, Api, error_of
from tests.support.authenticator import UP, UV
from tests.support.mfa import answer, ticket_of, with_totp


@on_sqlite
@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "no user handle"])
async def test_an_answer_that_no_honest_authenticator_gives_completes_no_login(
    api: Api, alice: httpx.AsyncClient, name: str
) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    ticket = await ticket_of(client)
    credential = HOSTILE[name](authenticator, await challenge(client, ticket=ticket))
    response = await client.post("/login/mfa", json={"ticket": ticket, "method": "passkey", "credential": credential})
    assert error_of(response)[:2] == (401, "mfa_invalid")
    assert not client.cookies


async def test_a_passkey_is_a_second_factor_at_the_token_endpoint(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    asked = await client.post("/token", data={"grant_type": "password", "username": "alice", "password": PASSWORD})
    ticket = asked.json()["ticket"]
    form = {
        "grant_type": "urn:jwtapi:oauth:grant-type:mfa",
        "ticket": ticket,
        "method": "passkey",
        "credential": json.dumps(authenticator.get(await challenge(client, ticket=ticket))),
    }
    response = await client.post("/token", data=form)
    assert response.status_code == 200, response.text
    assert "access_token" in response.json()


async def test_a_ticket_and_a_passkey_prove_again_that_a_signed_in_user_is_the_user(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator = await with_passkey(alice)
    asked = await alice.post("/api/reauthenticate", json={"password": PASSWORD})
    ticket = asked.json()["ticket"]
    body = {
        "ticket": ticket,
        "method": "passkey",
        "credential": authenticator.get(await challenge(alice, ticket=ticket)),
    }
    assert error_of(await api.client().post("/login/mfa", json=body))[:2] == (401, "mfa_ticket_invalid")
    assert (await alice.post("/api/reauthenticate", json=body)).status_code == 200


async def test_a_counter_that_stands_still_is_recorded_as_one_failure(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice, flags=UP | UV, sign_count=5)
    client = api.client()
    ticket = await ticket_of(client)
    authenticator.sign_count = 3
    credential = authenticator.get(await challenge(client, ticket=ticket))
    response = await client.post("/login/mfa", json={"ticket": ticket, "method": "passkey", "credential": credential})
    assert error_of(response)[:2] == (401, "mfa_invalid")
    assert (await api.event_types()).count("login.failed") == 1


async def test_a_ticket_that_is_used_up_begins_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    client = api.client()
    ticket = await ticket_of(client)
    for _ in range(5):
        await answer(client, ticket, "000000")
    response = await client.post("/login/passkey/options", json={"ticket": ticket})
    assert error_of(response)[:2] == (401, "mfa_ticket_invalid")


@pytest.mark.parametrize("factor", ("app", "passkey"))
async def test_a_passkey_of_a_domain_of_before_shuts_nobody_out_when_the_last_other_factor_goes(
    api: Api, alice: httpx.AsyncClient, factor: str
) -> None:
    await with_passkey(alice)
    await api.sql("UPDATE passkeys SET rp_id = 'old.example.com'")
    if factor == "app":
        await with_totp(api, alice)
        removed = await alice.delete("/api/mfa/totp")
    else:
        await with_passkey(alice)
        passkeys = (await alice.get("/api/passkeys")).json()["passkeys"]
        (usable,) = (passkey["id"] for passkey in passkeys if passkey["rpId"] != "old.example.com")
        removed = await alice.delete(f"/api/passkeys/{usable}")
    assert removed.status_code == 204
    assert (await api.client().post("/login", json={"username": "alice", "password": PASSWORD})).status_code == 200
