"""Passkeys: adding them, signing in with them, and answers that no honest authenticator gives."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import cbor2
import fido2.cose
import httpx
import jwt
import pytest

from jwtapi.second_factors.events import PASSKEY_COUNTER
from jwtapi.storage.database import Database
from jwtapi.storage.passkeys import PasskeyRepository
from tests.conftest import RunApi, on_sqlite
from tests.features.passkeys.provoked import API, LOGIN, NOTHING, OF_LOGIN, OPTIONS
from tests.support.api import PASSWORD, Api, error_of
from tests.support.authenticator import AT, BE, BS, ED, UP, UV, Authenticator, cose_of, decoded, encoded, new_ec_key
from tests.support.mfa import ticket_of, with_totp
from tests.support.statements import sent_by_requests, statements

REFUSED = (401, "passkey_invalid", "The passkey is not valid")
NOT_ACCEPTED = (400, "passkey_not_accepted", "The passkey could not be added")


async def begin(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.post(OPTIONS)
    assert response.status_code == 200, response.text
    options: dict[str, Any] = response.json()
    return options


async def with_passkey(client: httpx.AsyncClient, **how: Any) -> Authenticator:
    authenticator = Authenticator(**how)
    response = await client.post(API, json={"credential": authenticator.create(await begin(client))})
    assert response.status_code == 201, response.text
    return authenticator


async def challenge(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    options: dict[str, Any] = (await client.post(OF_LOGIN, json=body)).json()
    return options


async def sign_in_with(client: httpx.AsyncClient, authenticator: Authenticator) -> httpx.Response:
    return await client.post(LOGIN, json={"credential": authenticator.get(await challenge(client))})


def claims_of(response: httpx.Response) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(response.json()["accessToken"], options={"verify_signature": False})
    return claims


async def test_a_passkey_alone_signs_in_and_counts_as_two_factors(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    response = await sign_in_with(api.client(), authenticator)
    assert response.status_code == 200
    assert claims_of(response)["username"] == "alice"
    assert claims_of(response)["amr"] == ["swk", "user", "mfa"]
    assert "refreshToken" in response.cookies


async def test_a_passkey_that_cannot_be_copied_is_a_hardware_key(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice, flags=UP | UV, counts=True)
    assert claims_of(await sign_in_with(api.client(), authenticator))["amr"] == ["hwk", "user", "mfa"]


async def test_the_options_ask_for_what_makes_a_passkey_and_exclude_those_that_exist(alice: httpx.AsyncClient) -> None:
    first = await begin(alice)
    assert first["authenticatorSelection"]["residentKey"] == "required"
    assert first["authenticatorSelection"]["userVerification"] == "required"
    assert first["attestation"] == "none"
    assert len(decoded(first["user"]["id"])) == 64
    authenticator = Authenticator()
    await alice.post(API, json={"credential": authenticator.create(first)})
    second = await begin(alice)
    assert second["user"]["id"] == first["user"]["id"]
    assert [each["id"] for each in second["excludeCredentials"]] == [encoded(authenticator.credential_id)]


async def test_the_options_of_a_login_name_nobody(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    options = await challenge(api.client())
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")


async def test_the_first_passkey_gives_recovery_codes_and_then_the_password_alone_does_not_suffice(
    api: Api, alice: httpx.AsyncClient
) -> None:
    first = await alice.post(API, json={"credential": Authenticator().create(await begin(alice)), "name": "My key"})
    second = await alice.post(API, json={"credential": Authenticator().create(await begin(alice))})
    assert len(first.json()["recoveryCodes"]) == 10
    assert "recoveryCodes" not in second.json()
    assert first.json()["name"] == "My key"
    response = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
    assert response.json()["methods"] == ["passkey", "recovery_code"]


async def test_a_passkey_is_a_second_factor_after_the_password(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    ticket = await ticket_of(client)
    options = await challenge(client, ticket=ticket)
    assert [each["id"] for each in options["allowCredentials"]] == [encoded(authenticator.credential_id)]
    credential = authenticator.get(options)
    del credential["response"]["userHandle"]  # an authenticator need not tell it when it was asked for a credential
    response = await client.post("/login/mfa", json={"ticket": ticket, "method": "passkey", "credential": credential})
    assert claims_of(response)["amr"] == ["pwd", "swk", "user", "mfa"]


async def test_the_challenge_of_a_ticket_is_for_its_user_and_that_of_a_login_for_no_ticket(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    ticket = await ticket_of(client)
    with_ticket = authenticator.get(await challenge(client, ticket=ticket))
    assert error_of(await client.post(LOGIN, json={"credential": with_ticket})) == REFUSED
    without = authenticator.get(await challenge(client))
    response = await client.post("/login/mfa", json={"ticket": ticket, "method": "passkey", "credential": without})
    assert error_of(response)[:2] == (401, "mfa_invalid")


async def test_a_passkey_proves_again_that_a_signed_in_user_is_the_user(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    api.clock.advance(700)
    credential = authenticator.get(await challenge(alice))
    response = await alice.post("/api/reauthenticate", json={"credential": credential})
    assert response.status_code == 200, response.text
    bob = await api.signed_in("bob")
    others = authenticator.get(await challenge(bob))
    assert error_of(await bob.post("/api/reauthenticate", json={"credential": others})) == REFUSED


async def test_two_uses_of_one_answer_open_one_session(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    credential = authenticator.get(await challenge(client))
    responses = await asyncio.gather(*(api.client().post(LOGIN, json={"credential": credential}) for _ in range(8)))
    assert sorted(response.status_code for response in responses) == [200] + [401] * 7


async def test_stored_keys_are_right_for_another_implementation(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    user = await api.user()
    (stored,) = await api.services[Database].read(lambda uow: PasskeyRepository(uow.connection).list(user.id))
    key = fido2.cose.CoseKey.parse(cbor2.loads(stored.public_key))
    credential = authenticator.get(await challenge(alice))["response"]
    signed = decoded(credential["authenticatorData"]) + hashlib.sha256(decoded(credential["clientDataJSON"])).digest()
    key.verify(signed, decoded(credential["signature"]))


Bend = Callable[[Authenticator, dict[str, Any]], dict[str, Any]]


def with_response(change: Callable[[dict[str, Any]], None]) -> Bend:
    def bend(authenticator: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
        credential = authenticator.get(options)
        change(credential["response"])
        return credential

    return bend


def with_flags(flags: int) -> Bend:
    def bend(authenticator: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
        authenticator.flags = flags
        return authenticator.get(options)

    return bend


TAG = b"\xd8\x23" + cbor2.dumps("a{1,2}")
"""A regular expression: cbor2 would compile it."""


def with_extensions(authenticator: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    authenticator.flags |= ED
    authenticator.extensions = cbor2.dumps({"a": 1})[:-1] + TAG
    return authenticator.get(options)


def with_a_key(authenticator: Authenticator, options: dict[str, Any]) -> dict[str, Any]:
    authenticator.flags |= AT
    authenticator.extensions = bytes(16) + b"\x00\x01a" + cbor2.dumps(cose_of(authenticator.key))
    return authenticator.get(options)


def tampered(response: dict[str, Any]) -> None:
    client = json.loads(decoded(response["clientDataJSON"]))
    response["clientDataJSON"] = encoded(json.dumps(client | {"more": 1}).encode())


def doubled(response: dict[str, Any]) -> None:
    response["clientDataJSON"] = encoded(b'{"challenge":"x",' + decoded(response["clientDataJSON"])[1:])


HOSTILE: dict[str, Bend] = {
    "foreign user handle": with_response(lambda response: response.update(userHandle=encoded(b"x" * 64))),
    "no user handle": with_response(lambda response: response.pop("userHandle")),
    "long user handle": with_response(lambda response: response.update(userHandle=encoded(b"x" * 65))),
    "user handle that is no text": with_response(lambda response: response.update(userHandle=5)),
    "other rp id": lambda authenticator, options: authenticator.get(options, rp_id="evil.example"),
    "other origin": lambda authenticator, options: authenticator.get(options, origin="http://localhost:4001"),
    "origin of another scheme": lambda authenticator, options: authenticator.get(
        options, origin="https://localhost:4000"
    ),
    "frame of another origin": lambda authenticator, options: authenticator.get(options, crossOrigin=True),
    "odd crossOrigin": lambda authenticator, options: authenticator.get(options, crossOrigin="false"),
    "top origin": lambda authenticator, options: authenticator.get(options, topOrigin="https://evil.example"),
    "type create": lambda authenticator, options: authenticator.get(options, type="webauthn.create"),
    "another challenge": lambda authenticator, options: authenticator.get(options | {"challenge": encoded(b"x" * 32)}),
    "user not present": with_flags(UV | BE | BS),
    "user not verified": with_flags(UP | BE | BS),
    "backed up and not eligible": with_flags(UP | UV | BS),
    "no longer eligible": with_flags(UP | UV),
    "tampered client data": with_response(tampered),
    "a name twice in the client data": with_response(doubled),
    "client data that is no object": with_response(lambda response: response.update(clientDataJSON=encoded(b"[]"))),
    "client data that is no JSON": with_response(lambda response: response.update(clientDataJSON=encoded(b"\xff"))),
    "huge client data": with_response(lambda response: response.update(clientDataJSON="e" * 60_000)),
    "no base64url": with_response(lambda response: response.update(clientDataJSON="e+==")),
    "lone surrogate": with_response(lambda response: response.update(signature="\\ud800")),
    "no signature": with_response(lambda response: response.pop("signature")),
    "wrong signature": with_response(lambda response: response.update(signature=encoded(b"0" * 70))),
    "short authenticator data": with_response(lambda response: response.update(authenticatorData=encoded(b"x"))),
    "no authenticator data": with_response(lambda response: response.pop("authenticatorData")),
    "long authenticator data": with_response(lambda response: response.update(authenticatorData=encoded(b"x" * 2049))),
    "a tag in an extension": with_extensions,
    "a key in an assertion": with_a_key,
    "deep client data": with_response(lambda response: response.update(clientDataJSON=encoded(b"[" * 4000))),
    "client data with a byte order mark": with_response(
        lambda response: response.update(clientDataJSON=encoded(b"\xef\xbb\xbf" + decoded(response["clientDataJSON"])))
    ),
    "padded id": lambda authenticator, options: (
        authenticator.get(options) | dict.fromkeys(("id", "rawId"), encoded(authenticator.credential_id) + "==")
    ),
    "unknown credential": lambda _, options: Authenticator(handle=b"x" * 64).get(options),
    "two ids": lambda authenticator, options: authenticator.get(options) | {"id": encoded(b"x")},
    "long id": lambda authenticator, options: (
        authenticator.get(options) | {"id": encoded(b"x" * 1024), "rawId": encoded(b"x" * 1024)}
    ),
    "other type": lambda authenticator, options: authenticator.get(options) | {"type": "password"},
    "no response": lambda authenticator, options: authenticator.get(options) | {"response": []},
    "nothing": lambda *_: {},
}


@pytest.mark.parametrize("bend", HOSTILE.values(), ids=HOSTILE.keys())
async def test_an_answer_that_no_honest_authenticator_gives_is_refused_with_one_body(
    api: Api, alice: httpx.AsyncClient, bend: Bend
) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    credential = bend(authenticator, await challenge(client))
    assert error_of(await client.post(LOGIN, json={"credential": credential})) == REFUSED
    assert not client.cookies


NAMES_NO_CHALLENGE = {
    "another challenge",
    "a name twice in the client data",
    "client data that is no object",
    "client data that is no JSON",
    "huge client data",
    "no base64url",
    "deep client data",
    "client data with a byte order mark",
    "no response",
    "nothing",
}


@on_sqlite
@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - NAMES_NO_CHALLENGE))
async def test_a_refused_answer_burns_its_challenge_whatever_is_wrong_with_it(
    api: Api, alice: httpx.AsyncClient, name: str
) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    options = await challenge(client)
    assert error_of(await client.post(LOGIN, json={"credential": HOSTILE[name](authenticator, options)})) == REFUSED
    assert await api.sql("SELECT count(*) FROM passkey_challenges") == [(0,)]


async def test_an_answer_that_is_sent_many_times_at_once_opens_one_session(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    credential = authenticator.get(await challenge(alice))
    answers = await asyncio.gather(*(api.client().post(LOGIN, json={"credential": credential}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_of_two_copies_of_a_key_with_the_same_counter_one_signs_in(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice, flags=UP | UV, counts=True)
    credentials = []
    for _ in range(4):
        authenticator.sign_count = 6
        credentials.append(authenticator.get(await challenge(alice)))
    answers = await asyncio.gather(*(api.client().post(LOGIN, json={"credential": each}) for each in credentials))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    types = [event.type for event in await api.events()]
    assert (types.count("passkey.counter_not_increased"), types.count("login.failed")) == (3, 3)


async def test_an_unknown_passkey_takes_the_statements_of_a_known_one(api: Api, alice: httpx.AsyncClient) -> None:
    known = await with_passkey(alice)

    async def statements_of(authenticator: Authenticator) -> list[str]:
        credential = authenticator.get(await challenge(alice))
        credential["response"]["signature"] = encoded(b"0" * 70)
        with statements(api, sent_by_requests) as sent:
            assert error_of(await api.client().post(LOGIN, json={"credential": credential})) == REFUSED
        return [statement.sql for statement in sent]

    of_known, of_unknown = await statements_of(known), await statements_of(Authenticator(handle=b"x" * 64))
    assert of_known == of_unknown
    assert await api.sql("SELECT count(*) FROM events WHERE type = 'login.failed'") == [(2,)]


@on_sqlite
async def test_a_failed_try_is_recorded_and_limited_by_address(run_api: RunApi) -> None:
    async with run_api(login_rate_limit="3/minute", rate_limit_enabled=True) as api:
        alice = await api.signed_in()
        authenticator = await with_passkey(alice)
        client = api.client()
        bent = authenticator.get(await challenge(client))
        bent["response"]["userHandle"] = encoded(b"x")
        answers = [await client.post(LOGIN, json={"credential": bent}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        failed = [event for event in await api.events() if event.type == "login.failed"]
        assert [event.user_id for event in failed] == [(await api.user()).id]


@on_sqlite
async def test_passkeys_of_another_domain_are_no_way_in(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    await api.sql("UPDATE passkeys SET rp_id = 'old.example.com'")
    assert error_of(await sign_in_with(api.client(), authenticator)) == REFUSED
    response = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
    assert response.json()["methods"] == ["recovery_code"]
    await with_passkey(alice)
    ticket = await ticket_of(api.client())
    assert len((await challenge(api.client(), ticket=ticket))["allowCredentials"]) == 1
    await api.sql("UPDATE users SET password_hash = NULL")
    ids = {each["rpId"]: each["id"] for each in (await alice.get(API)).json()["passkeys"]}
    assert error_of(await alice.delete(f"{API}/{ids['localhost']}"))[:2] == (409, "last_way_in")
    assert (await alice.delete(f"{API}/{ids['old.example.com']}")).status_code == 204


async def test_a_challenge_expires_after_five_minutes(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    options = await challenge(client)
    api.clock.advance(301)
    assert error_of(await client.post(LOGIN, json={"credential": authenticator.get(options)})) == REFUSED


async def test_somebody_elses_passkey_does_not_complete_a_login(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    bob = await with_passkey(await api.signed_in("bob"))
    client = api.client()
    ticket = await ticket_of(client)
    credential = bob.get(await challenge(client, ticket=ticket))
    response = await client.post("/login/mfa", json={"ticket": ticket, "method": "passkey", "credential": credential})
    assert error_of(response)[:2] == (401, "mfa_invalid")


@pytest.mark.parametrize("name", ("userDisabled", "userDeleted"))
async def test_the_passkey_of_a_user_who_was_disabled_or_deleted_is_refused(
    api: Api, alice: httpx.AsyncClient, name: str
) -> None:
    authenticator = await with_passkey(alice)
    await (api.disable() if name == "userDisabled" else api.delete())
    assert error_of(await sign_in_with(api.client(), authenticator)) == REFUSED


async def test_a_counter_that_stands_still_is_refused_and_recorded(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice, flags=UP | UV, counts=True)
    assert (await sign_in_with(api.client(), authenticator)).status_code == 200
    authenticator.counts = False
    assert error_of(await sign_in_with(api.client(), authenticator)) == REFUSED
    authenticator.sign_count = 0
    assert error_of(await sign_in_with(api.client(), authenticator)) == REFUSED
    events = [event for event in await api.events() if event.type == PASSKEY_COUNTER.name]
    assert [event.details["refused"] for event in events if event.details] == [True, True]


async def test_a_synchronised_passkey_whose_counter_stands_still_signs_in_and_is_recorded(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator = await with_passkey(alice, sign_count=5)
    assert (await sign_in_with(api.client(), authenticator)).status_code == 200
    authenticator.sign_count = 3
    assert (await sign_in_with(api.client(), authenticator)).status_code == 200
    user = await api.user()
    (stored,) = await api.services[Database].read(lambda uow: PasskeyRepository(uow.connection).list(user.id))
    assert stored.sign_count == 5
    assert [event.type for event in await api.events()].count(PASSKEY_COUNTER.name) == 2


def says(cose: dict[int, Any] | bytes, **how: Any) -> Callable[[Authenticator, dict[str, Any]], dict[str, Any]]:
    data = cose if isinstance(cose, bytes) else cbor2.dumps(cose)
    return lambda _, options: Authenticator(cose=data, **how).create(options)


def attesting(authenticator: Authenticator, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
    credential = authenticator.create(options)
    attestation = cbor2.loads(decoded(credential["response"]["attestationObject"])) | changes
    credential["response"]["attestationObject"] = encoded(cbor2.dumps(attestation))
    return credential


BAD_CREATIONS: dict[str, Callable[[Authenticator, dict[str, Any]], dict[str, Any]]] = {
    "other origin": lambda authenticator, options: authenticator.create(options, origin="https://evil.example"),
    "frame of another origin": lambda authenticator, options: authenticator.create(options, crossOrigin=True),
    "type get": lambda authenticator, options: authenticator.create(options, type="webauthn.get"),
    "other rp id": lambda authenticator, options: authenticator.create(options | {"rp": {"id": "evil.example"}}),
    "another challenge": lambda authenticator, options: authenticator.create(
        options | {"challenge": encoded(b"x" * 32)}
    ),
    "a point off the curve": says(cose_of(new_ec_key()) | {-3: b"x" * 32}),
    "a key with the name of another algorithm": says(cose_of(new_ec_key()) | {3: -8}),
    "a curve of another algorithm": says(cose_of(new_ec_key()) | {-1: 2}),
    "an algorithm that was not offered": says(cose_of(new_ec_key()) | {3: -35}),
    "an RSA key of 1024 bits": says({1: 3, 3: -257, -1: b"\xff" * 128, -2: b"\x01\x00\x01"}),
    "a key that is a number": says(b"\x04"),
    "a tag in the key": says(b"\xa1\x01" + TAG),
    "a tag in an extension": says(cose_of(new_ec_key()), extensions=b"\xa1aa" + TAG, flags=UP | UV | ED),
    "a name twice in the key": says(b"\xa2\x01\x02\x01\x02"),
    "deep CBOR": says(b"\x81" * 2000),
    "no credential id": lambda _, options: Authenticator(credential_id=b"").create(options),
    "a long credential id": lambda _, options: Authenticator(credential_id=b"x" * 1024).create(options),
    "a tag in the attestation": lambda authenticator, options: attesting(
        authenticator, options, attStmt=re.compile("a")
    ),
    "no attestation": lambda authenticator, options: attesting(authenticator, options, authData=b""),
    "nothing": lambda *_: {},
}


@on_sqlite
@pytest.mark.parametrize("bend", BAD_CREATIONS.values(), ids=BAD_CREATIONS.keys())
async def test_a_new_passkey_that_is_not_right_is_not_accepted(
    api: Api, alice: httpx.AsyncClient, bend: Callable[[Authenticator, dict[str, Any]], dict[str, Any]]
) -> None:
    credential = bend(Authenticator(), await begin(alice))
    assert error_of(await alice.post(API, json={"credential": credential})) == NOT_ACCEPTED
    assert (await alice.get(API)).json()["passkeys"] == []
    assert (await api.user()).second_factor_since is None


@pytest.mark.parametrize("flags", (UP | BE | BS, UV | BE | BS, UP | UV | BS))
async def test_a_new_passkey_without_verification_presence_or_with_odd_backup_flags_is_not_accepted(
    alice: httpx.AsyncClient, flags: int
) -> None:
    credential = Authenticator(flags=flags).create(await begin(alice))
    assert error_of(await alice.post(API, json={"credential": credential})) == NOT_ACCEPTED


async def test_the_challenge_of_a_login_makes_no_passkey_and_that_of_another_user_neither(
    api: Api, alice: httpx.AsyncClient
) -> None:
    of_alice = await begin(alice)
    of_login = of_alice | {"challenge": (await challenge(alice))["challenge"]}
    assert error_of(await alice.post(API, json={"credential": Authenticator().create(of_login)})) == NOT_ACCEPTED
    bob = await api.signed_in("bob")
    assert error_of(await bob.post(API, json={"credential": Authenticator().create(of_alice)})) == NOT_ACCEPTED


async def test_a_passkey_that_another_user_has_is_not_accepted(api: Api, alice: httpx.AsyncClient) -> None:
    authenticator = await with_passkey(alice)
    bob = await api.signed_in("bob")
    assert error_of(await bob.post(API, json={"credential": authenticator.create(await begin(bob))})) == NOT_ACCEPTED


async def test_passkeys_are_listed_renamed_and_removed_by_their_user_only(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    (passkey,) = (await alice.get(API)).json()["passkeys"]
    assert (passkey["name"], passkey["authenticator"], passkey["rpId"]) == ("Passkey", None, "localhost")
    path = f"{API}/{passkey['id']}"
    bob = await api.signed_in("bob")
    assert error_of(await bob.patch(path, json={"name": "mine"}))[:2] == (404, "not_found")
    assert error_of(await bob.delete(path))[:2] == (404, "not_found")
    assert (await alice.patch(path, json={"name": "My phone"})).json()["name"] == "My phone"
    assert (await alice.delete(path)).status_code == 204
    assert (await api.user()).second_factor_since is None


async def test_the_authenticator_names_the_passkey(alice: httpx.AsyncClient) -> None:
    await with_passkey(alice, aaguid=UUID("fbfc3007-154e-4ecc-8c0b-6e020557d7bd"))
    (passkey,) = (await alice.get(API)).json()["passkeys"]
    assert passkey["name"] == passkey["authenticator"] != "Passkey"


async def test_removing_a_passkey_ends_other_sessions_and_this_one_if_nothing_else_has_opened_it(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator = await with_passkey(alice)
    client = api.client()
    here = await sign_in_with(client, authenticator)
    client.headers["Authorization"] = f"Bearer {here.json()['accessToken']}"
    (passkey,) = (await client.get(API)).json()["passkeys"]
    assert (await client.delete(f"{API}/{passkey['id']}")).status_code == 204
    assert (await alice.get("/profile")).status_code == 401
    assert (await client.get("/profile")).status_code == 401
    assert error_of(await client.post("/refresh"))[0] == 403


async def test_the_last_way_in_cannot_be_removed(api: Api, alice: httpx.AsyncClient) -> None:
    await with_passkey(alice)
    await api.sql("UPDATE users SET password_hash = NULL")
    (passkey,) = (await alice.get(API)).json()["passkeys"]
    assert error_of(await alice.delete(f"{API}/{passkey['id']}"))[:2] == (409, "last_way_in")
    await with_passkey(alice)
    assert (await alice.delete(f"{API}/{passkey['id']}")).status_code == 204


async def test_no_more_than_twenty_passkeys_however_many_are_added_at_once(alice: httpx.AsyncClient) -> None:
    for _ in range(18):
        await with_passkey(alice)
    begun = [await begin(alice) for _ in range(6)]
    added = await asyncio.gather(
        *(alice.post(API, json={"credential": Authenticator().create(options)}) for options in begun)
    )
    assert sorted(response.status_code for response in added) == [201, 201, 409, 409, 409, 409]


async def test_with_an_app_and_a_passkey_either_answers(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    await with_passkey(alice)
    response = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
    assert response.json()["methods"] == ["totp", "passkey", "recovery_code"]


@on_sqlite
async def test_other_origins_are_published_and_accepted(run_api: RunApi) -> None:
    origin = "https://app.example.com"
    settings = {"public_url": "https://auth.example.com", "passkey_origins": origin, "passkey_rp_id": "example.com"}
    async with run_api(**settings) as api:
        alice = await api.signed_in()
        assert (await begin(alice))["rp"]["id"] == "example.com"
        authenticator = await with_passkey(alice, origin=origin)
        assert (await sign_in_with(api.client(), authenticator)).status_code == 200
        published = await api.client().get("/.well-known/webauthn", headers={"Origin": "https://any.example"})
        assert published.json() == {"origins": [origin]}
        assert published.headers["access-control-allow-origin"] == "*"


@on_sqlite
@pytest.mark.parametrize("public_url", ("https://192.0.2.1", "http://auth.example.com"))
async def test_an_address_that_browsers_give_no_passkeys_to_has_none(run_api: RunApi, public_url: str) -> None:
    async with run_api(public_url=public_url) as api:
        alice = await api.signed_in()
        assert error_of(await alice.post(OPTIONS))[:2] == (501, "mfa_unavailable")
        assert error_of(await alice.post(LOGIN, json=NOTHING))[:2] == (501, "mfa_unavailable")
        assert (await alice.get("/api/mfa")).json()["methods"] == ["totp", "recovery_code"]
