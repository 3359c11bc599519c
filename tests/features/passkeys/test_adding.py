"""Adding a passkey, at its limits."""

import asyncio

import cbor2
import httpx
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.features.passkeys.test_passkeys import NOT_ACCEPTED, begin, sign_in_with, with_passkey
from tests.support.api import Api, error_of
from tests.support.authenticator import AT, BE, UP, UV, Authenticator, cose_of, decoded, encoded

PASSKEYS = "/api/passkeys"


async def test_options_that_are_asked_for_at_once_have_one_handle(alice: httpx.AsyncClient) -> None:
    begun = await asyncio.gather(*(begin(alice) for _ in range(4)))
    assert len({options["user"]["id"] for options in begun}) == 1
    assert len({options["challenge"] for options in begun}) == 4


@on_sqlite
@pytest.mark.parametrize("attestation_format", ("packed", "tpm", "compound"))
async def test_an_attestation_is_not_read_because_none_was_asked_for(
    api: Api, alice: httpx.AsyncClient, attestation_format: str
) -> None:
    authenticator = Authenticator()
    credential = authenticator.create(await begin(alice))
    made = cbor2.loads(decoded(credential["response"]["attestationObject"]))
    statement = {"alg": -7, "sig": b"wrong", "x5c": [b"no certificate"]}
    attested = cbor2.dumps(made | {"fmt": attestation_format, "attStmt": statement})
    credential["response"]["attestationObject"] = encoded(attested)
    assert (await alice.post(PASSKEYS, json={"credential": credential})).status_code == 201
    assert (await sign_in_with(api.client(), authenticator)).status_code == 200


@on_sqlite
async def test_a_key_with_much_more_than_a_key_is_not_accepted(alice: httpx.AsyncClient) -> None:
    authenticator = Authenticator()
    authenticator.cose = cbor2.dumps(cose_of(authenticator.key) | {99: b"x" * 2000})
    credential = authenticator.create(await begin(alice))
    assert error_of(await alice.post(PASSKEYS, json={"credential": credential})) == NOT_ACCEPTED


@on_sqlite
async def test_a_credential_id_has_at_most_1023_bytes(alice: httpx.AsyncClient) -> None:
    await with_passkey(alice, credential_id=b"x" * 1023)
    credential = Authenticator(credential_id=b"y" * 1024).create(await begin(alice))
    assert error_of(await alice.post(PASSKEYS, json={"credential": credential})) == NOT_ACCEPTED


@on_sqlite
async def test_a_refused_new_passkey_burns_its_challenge(alice: httpx.AsyncClient) -> None:
    right = Authenticator().create(await begin(alice))
    assert error_of(await alice.post(PASSKEYS, json={"credential": right | {"type": "password"}})) == NOT_ACCEPTED
    assert error_of(await alice.post(PASSKEYS, json={"credential": right})) == NOT_ACCEPTED


@on_sqlite
@pytest.mark.parametrize("size", (0, 20_000))
async def test_an_attestation_object_that_is_no_map_or_too_long_is_not_accepted(
    alice: httpx.AsyncClient, size: int
) -> None:
    for odd in (b"\x81" * size, cbor2.dumps(["x" * size]), cbor2.dumps({"authData": bytes(32) + bytes([AT]) * size})):
        credential = Authenticator().create(await begin(alice))
        credential["response"]["attestationObject"] = encoded(odd)
        assert error_of(await alice.post(PASSKEYS, json={"credential": credential})) == NOT_ACCEPTED


@on_sqlite
async def test_unknown_transports_are_dropped(alice: httpx.AsyncClient) -> None:
    credential = Authenticator().create(await begin(alice))
    credential["response"]["transports"] = ["usb", "pigeon", {"internal": 1}, 5]
    assert (await alice.post(PASSKEYS, json={"credential": credential})).status_code == 201
    (excluded,) = (await begin(alice))["excludeCredentials"]
    assert excluded["transports"] == ["usb"]


async def test_a_sign_in_records_when_the_passkey_was_used_and_whether_it_is_backed_up(
    api: Api, alice: httpx.AsyncClient
) -> None:
    authenticator = await with_passkey(alice)
    (before,) = (await alice.get(PASSKEYS)).json()["passkeys"]
    assert (before["lastUsedAt"], before["backedUp"]) == (None, True)
    authenticator.flags = UP | UV | BE
    await sign_in_with(api.client(), authenticator)
    (after,) = (await alice.get(PASSKEYS)).json()["passkeys"]
    assert after["lastUsedAt"] is not None
    assert after["backedUp"] is False


@on_sqlite
async def test_the_domain_is_as_browsers_write_it(run_api: RunApi) -> None:
    async with run_api(public_url="https://Auth.Müller.example:443", passkey_rp_id="Müller.Example") as api:
        alice = await api.signed_in()
        assert (await begin(alice))["rp"]["id"] == "xn--mller-kva.example"
        authenticator = await with_passkey(alice, origin="https://auth.xn--mller-kva.example")
        assert (await sign_in_with(api.client(), authenticator)).status_code == 200
