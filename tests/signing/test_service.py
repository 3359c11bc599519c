"""The life of signing keys, over HTTP and on both databases."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.errors import AccessTokenInvalid
from jwtapi.clients.scopes import Scope
from jwtapi.errors import StorageUnavailable
from jwtapi.housekeeping import Housekeeping
from jwtapi.security.key_pairs import KeyPair, new_key_pair
from jwtapi.security.key_ring import KeyRing
from jwtapi.settings import SettingsError
from jwtapi.signing.errors import KeyRefused
from jwtapi.signing.events import SIGNING_KEY_REVOKED
from jwtapi.signing.listing import KeyState
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.signing_keys import SigningKey, SigningKeyRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.conftest import JWT_SECRET, REFRESH_SECRET, RunApi, on_sqlite
from tests.support.api import Api, error_of, sign_in
from tests.support.clients import new_client, service_token

HOUR = 3600
OVERLAP = 900 + 60
DAYS = 24 * HOUR
NEW_REFRESH = "b6027e9d53f8a14cc9d0e87b2f61a3549e7d40c8b1f3256a"
ALGORITHMS = ("ES256", "EdDSA", "RS256")


def header(token: str) -> dict[str, Any]:
    return jwt.get_unverified_header(token)


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


async def new_token(api: Api) -> str:
    return token_of(await sign_in(api.client()))


async def algorithm_now(api: Api) -> str:
    return str(header(await new_token(api))["alg"])


async def is_accepted(api: Api, token: str) -> bool:
    answer = await api.client(Authorization=f"Bearer {token}").get("/profile")
    assert answer.status_code == 200 or error_of(answer)[:2] == (401, "token_invalid"), answer.text
    return answer.status_code == 200


async def states(api: Api) -> dict[str, str]:
    return {each.kid: each.state.value for each in await keys_of(api).all()}


def keys_of(api: Api) -> SigningKeys:
    return api.services[SigningKeys]


def published(api: Api) -> list[str]:
    return [jwk["kid"] for jwk in api.services[KeyRing].published()]


def has_heard_of_revocation(api: Api, kid: str) -> bool:
    """Return whether the key is gone. Until the next one is read, there may be no key at all."""
    try:
        return kid not in published(api)
    except StorageUnavailable:
        return True


def publishes(api: Api, kids: list[str | None]) -> bool:
    try:
        return published(api) == kids
    except StorageUnavailable:
        return False


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def feed_is_live(*apis: Api) -> None:
    await until(lambda: all(api.services[ChangeFeed].is_live() for api in apis))


def pem_of(private: Any) -> str:
    return str(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def new_pem(algorithm: str = "ES256") -> str:
    match algorithm:
        case "ES256":
            return pem_of(ec.generate_private_key(ec.SECP256R1()))
        case "EdDSA":
            return pem_of(ed25519.Ed25519PrivateKey.generate())
        case _:
            return pem_of(rsa.generate_private_key(65537, 2048))


@asynccontextmanager
async def running(run_api: RunApi, count: int, **settings: Any) -> AsyncIterator[list[Api]]:
    """Run several APIs on one database, whose feeds are live."""
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(run_api(**settings)) for _ in range(count)]
        await feed_is_live(*apis)
        yield apis


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_first_start_makes_a_key_which_signs_immediately(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm) as api:
        token = token_of(await api.signed_in())
        assert header(token) == {"alg": algorithm, "typ": "at+jwt", "kid": published(api)[0]}
        assert list((await states(api)).values()) == ["active"]
        assert await is_accepted(api, token)
        assert [event.details for event in await api.events(None)] == [{"kid": published(api)[0]}]
    async with run_api(signing_algorithm=algorithm) as restarted:
        assert await is_accepted(restarted, token)
        assert len(await states(restarted)) == 1


async def test_with_hs256_there_is_no_key_and_no_kid(run_api: RunApi) -> None:
    async with run_api() as api:
        token = token_of(await api.signed_in())
        assert header(token) == {"alg": "HS256", "typ": "at+jwt"}
        assert await states(api) == {}
        assert published(api) == []


async def test_moving_from_hs256_to_key_pairs_and_back_signs_nobody_out(run_api: RunApi) -> None:
    async with run_api() as api:
        alice = await api.signed_in()
        old = token_of(alice)
    async with run_api(signing_algorithm="ES256") as api:
        clock = api.clock
        assert await is_accepted(api, old)
        assert await algorithm_now(api) == "HS256"  # until everybody who checks tokens can know the key
        assert len(published(api)) == 1
        clock.advance(HOUR - 1)
        last = await new_token(api)
        clock.advance(1)
        assert (header(last)["alg"], await algorithm_now(api)) == ("HS256", "ES256")
        clock.advance(890)
        assert await is_accepted(api, last)
    async with run_api(signing_algorithm="ES256") as api:
        assert await algorithm_now(api) == "ES256"
        pair_token = await new_token(api)
    async with run_api() as api:
        assert await is_accepted(api, pair_token)
        clock.advance(5)  # JWT_SECRET signs again when every process can know that it does
        assert await algorithm_now(api) == "HS256"
        assert await is_accepted(api, pair_token)
        clock.advance(OVERLAP)
        assert published(api) == []
    async with run_api(signing_algorithm="ES256") as api:
        assert await algorithm_now(api) == "HS256"
        clock.advance(HOUR)
        assert await algorithm_now(api) == "ES256"


async def test_tokens_of_hs256_are_accepted_for_one_lifetime_after_the_move_and_then_never(run_api: RunApi) -> None:
    async with run_api() as api:
        alice = await api.signed_in()
        profile = (await api.user()).id
        session = jwt.decode(token_of(alice), options={"verify_signature": False})
    async with run_api(signing_algorithm="ES256") as api:

        def made_by_somebody_with_jwt_secret() -> str:
            now = int(api.clock().timestamp())
            claims = session | {"iat": now, "exp": now + 900}
            return jwt.encode(claims, JWT_SECRET, "HS256", headers={"typ": "at+jwt"})

        assert session["sub"] == str(profile)
        await feed_is_live(api)
        api.clock.advance(HOUR + OVERLAP - 1)
        last = made_by_somebody_with_jwt_secret()
        assert await is_accepted(api, last)
        api.clock.advance(1)
        assert not await is_accepted(api, last)  # although the server has remembered it
        assert not await is_accepted(api, made_by_somebody_with_jwt_secret())
        # Nor does it return when the keys that have replaced it are deleted.
        for _ in range(3):
            await api.services[Housekeeping].prune("signing keys")
            await keys_of(api).tick()
            assert list((await states(api)).values()) == ["active", "removed"]
            assert not await is_accepted(api, made_by_somebody_with_jwt_secret())
            await keys_of(api).rotate()
            api.clock.advance(HOUR + OVERLAP)


async def test_another_algorithm_signs_after_its_key_was_published_and_a_change_back_withdraws_it(
    run_api: RunApi,
) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        es256 = token_of(await api.signed_in())
    async with run_api(signing_algorithm="EdDSA") as api:
        assert await algorithm_now(api) == "ES256"
        assert sorted((await states(api)).values()) == ["active", "pending"]
    async with run_api(signing_algorithm="ES256") as api:
        assert list((await states(api)).values()) == ["active"]
        api.clock.advance(2 * HOUR)
        assert await algorithm_now(api) == "ES256"
        es256 = await new_token(api)
    async with run_api(signing_algorithm="EdDSA") as api:
        api.clock.advance(HOUR)
        assert await algorithm_now(api) == "EdDSA"
        api.clock.now -= timedelta(seconds=HOUR - 60)
        assert await is_accepted(api, es256)


async def test_a_return_to_hs256_before_the_first_key_pair_signs_withdraws_the_pair(run_api: RunApi) -> None:
    async with run_api() as api:
        await api.signed_in()
    async with run_api(signing_algorithm="ES256") as api:
        assert len(published(api)) == 1
    async with run_api() as api:
        assert await states(api) == {"HS256": "active"}
        for _ in range(3):
            assert await algorithm_now(api) == "HS256"
            api.clock.advance(HOUR)


async def test_a_server_that_still_has_hs256_accepts_the_tokens_of_a_server_with_key_pairs(run_api: RunApi) -> None:
    async with run_api() as before, run_api() as _:
        await before.signed_in()
        await feed_is_live(before)
        async with run_api(signing_algorithm="ES256") as after:
            await until(lambda: len(published(before)) == 1)
            after.clock.advance(HOUR)
            token = await new_token(after)
            assert header(token)["alg"] == "ES256"
            assert await is_accepted(before, token)
            assert await algorithm_now(before) == "ES256"


async def test_the_next_key_is_made_before_the_key_is_too_old_and_each_signs_in_its_time(run_api: RunApi) -> None:
    settings = {"signing_algorithm": "EdDSA", "signing_key_max_age": 10 * HOUR, "signing_key_prepublish": HOUR}
    async with run_api(**settings) as api:
        first = token_of(await api.signed_in())
        (kid,) = published(api)
        for hour in range(1, 35):
            api.clock.advance(HOUR)
            await keys_of(api).tick()
            active = [kid for kid, state in (await states(api)).items() if state == "active"]
            token = await new_token(api)
            assert [header(token)["kid"]] == active, hour
            assert header(token)["kid"] in published(api)
            assert await is_accepted(api, token)
        types = [event.type for event in await api.events(None)]
        assert types == ["signing_key.added"] * 4
        await api.services[Housekeeping].prune("signing keys")
        assert kid not in await states(api)
        assert not await is_accepted(api, first)


async def test_two_processes_that_replace_a_key_at_the_same_time_make_one(run_api: RunApi) -> None:
    async with running(run_api, 3, signing_algorithm="ES256", signing_key_max_age=2 * HOUR) as apis:
        apis[0].clock.advance(HOUR + 1)
        await asyncio.gather(*(keys_of(api).tick() for api in apis * 4))
        assert sorted((await states(apis[0])).values()) == ["active", "pending"]


async def test_processes_that_start_at_the_same_time_make_one_first_key(run_api: RunApi) -> None:
    async with AsyncExitStack() as stack:
        apis = await asyncio.gather(*(stack.enter_async_context(run_api(signing_algorithm="RS256")) for _ in range(4)))
        assert len(await states(apis[0])) == 1
        token = token_of(await apis[0].signed_in())
        for api in apis:
            assert await is_accepted(api, token)


async def test_a_key_that_one_process_revoked_is_refused_by_the_others_even_if_they_have_cached_the_token(
    run_api: RunApi,
) -> None:
    async with running(run_api, 2, signing_algorithm="ES256") as (one, other):
        token = token_of(await one.signed_in())
        (kid,) = published(one)
        bearer = other.client(Authorization=f"Bearer {token}")
        for path in ("/profile", "/auth/verify"):
            assert (await bearer.get(path)).status_code in {200, 204}
        successor = await keys_of(one).revoke(kid)
        assert not await is_accepted(one, token)
        await until(lambda: has_heard_of_revocation(other, kid))
        assert not await is_accepted(other, token)
        assert (await bearer.get("/auth/verify")).status_code == 401
        await until(lambda: publishes(other, [successor]))
        renewed = await new_token(one)
        assert header(renewed)["kid"] == successor
        assert await is_accepted(other, renewed)
        assert [event.type for event in await one.events(None)] == [
            "signing_key.added",
            "signing_key.revoked",
            "signing_key.added",
        ]


async def test_everybody_stays_signed_in_when_a_key_is_revoked(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        alice = await api.signed_in()
        await keys_of(api).revoke(published(api)[0])
        answer = await alice.post("/refresh")
        assert answer.status_code == 200
        assert await is_accepted(api, answer.json()["accessToken"])


async def test_a_revocation_takes_the_next_key_that_is_already_published(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        (first,) = published(api)
        second = await keys_of(api).rotate()
        assert header(await new_token(api))["kid"] == first
        assert await keys_of(api).revoke(first) == second
        assert header(await new_token(api))["kid"] == second
        assert await states(api) == {second: "active", first: "revoked"}


async def test_a_revocation_of_a_key_that_has_just_begun_lets_the_one_before_sign_again(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        (first,) = published(api)
        second = await keys_of(api).rotate()
        assert second is not None
        api.clock.advance(HOUR + OVERLAP - 1)
        assert header(await new_token(api))["kid"] == second
        assert await keys_of(api).revoke(second) is None
        assert header(await new_token(api))["kid"] == first
        api.clock.advance(30 * DAYS)
        assert published(api) == [first]


async def test_a_revocation_does_not_bring_back_a_key_whose_time_was_over(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        (first,) = published(api)
        second = await keys_of(api).rotate()
        assert second is not None
        api.clock.advance(HOUR + OVERLAP)
        third = await keys_of(api).revoke(second)
        assert third not in {None, first, second}
        assert published(api) == [third]


async def test_a_revocation_during_the_move_from_hs256_lets_the_secret_sign_until_another_key_is_known(
    run_api: RunApi,
) -> None:
    async with run_api() as api:
        await api.signed_in()
    async with run_api(signing_algorithm="ES256") as api:
        pending = await keys_of(api).revoke(published(api)[0])
        assert await algorithm_now(api) == "HS256"
        api.clock.advance(HOUR)
        assert header(await new_token(api))["kid"] == pending
        # After that the secret does not return, although its tokens are still accepted.
        assert pending is not None
        successor = await keys_of(api).revoke(pending)
        assert header(await new_token(api))["kid"] == successor


async def test_a_revocation_of_the_secret_refuses_its_tokens(run_api: RunApi) -> None:
    async with run_api() as api:
        await api.signed_in()
    async with run_api(signing_algorithm="ES256") as api:
        old = await new_token(api)
        await keys_of(api).revoke("HS256")
        assert not await is_accepted(api, old)
        assert await algorithm_now(api) == "ES256"


async def test_unknown_and_revoked_keys_cannot_be_revoked_again(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        (kid,) = published(api)
        await keys_of(api).revoke(kid)
        for name in (kid, "unknown"):
            with pytest.raises(KeyRefused, match=f"no key {name}"):
                await keys_of(api).revoke(name)
    async with run_api() as api:
        with pytest.raises(KeyRefused, match="JWT_SECRET"):
            await keys_of(api).revoke("HS256")


async def test_a_rotation_waits_for_the_one_before_or_completes_it(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        first = published(api)[0]
        second = await keys_of(api).rotate()
        with pytest.raises(KeyRefused, match=f"{second} is published already"):
            await keys_of(api).rotate()
        assert header(await new_token(api))["kid"] == first
        api.clock.advance(1)
        assert await keys_of(api).rotate(now=True) == second
        assert header(await new_token(api))["kid"] == second
        api.clock.advance(1)
        third = await keys_of(api).rotate(now=True)
        assert header(await new_token(api))["kid"] == third


async def test_pruned_are_keys_whose_tokens_have_expired_and_no_others(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        first = published(api)[0]
        second = await keys_of(api).rotate()
        assert second is not None
        api.clock.advance(HOUR + OVERLAP - 1)
        await api.services[Housekeeping].prune("signing keys")
        assert set(await states(api)) == {first, second}
        api.clock.advance(1)
        await api.services[Housekeeping].prune("signing keys")
        assert await states(api) == {second: "active"}


async def test_a_revoked_key_stays_revoked_also_if_signing_key_still_has_it(run_api: RunApi) -> None:
    first, second = new_pem(), new_pem()
    async with run_api(signing_algorithm="ES256", signing_key=first) as api:
        await api.signed_in()
        (kid,) = published(api)
    settings = {"signing_algorithm": "ES256", "signing_key": first + second}
    async with run_api(**settings) as api:
        next_kid = published(api)[0]
        await keys_of(api).revoke(next_kid)
        api.clock.advance(10 * DAYS)
        await api.services[Housekeeping].prune("signing keys")
    async with run_api(**settings) as api:
        assert published(api) == [kid]
        assert await states(api) == {next_kid: "revoked", kid: "active"}


async def test_a_revoked_key_leaves_no_private_half(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        (kid,) = published(api)
        await keys_of(api).revoke(kid)
        assert (kid, None) in await stored(api)


async def test_a_server_with_another_refresh_secret_does_not_take_the_secret_from_servers_with_hs256(
    run_api: RunApi,
) -> None:
    async with run_api() as right:
        await right.signed_in()
        async with run_api(signing_algorithm="ES256", refresh_secret=NEW_REFRESH) as wrong:
            right.clock.advance(HOUR + OVERLAP)
            await wrong.services[Housekeeping].prune("signing keys")
        await keys_of(right).tick()
        assert await algorithm_now(right) == "HS256"


@pytest.mark.parametrize("settings", ({"signing_key": new_pem()}, {}))
async def test_a_server_with_other_settings_does_not_delete_the_key_that_others_sign_with(
    run_api: RunApi, settings: dict[str, Any]
) -> None:
    async with run_api(signing_algorithm="ES256", **settings) as right:
        await right.signed_in()
        (kid,) = published(right)
        other = {"refresh_secret": NEW_REFRESH, "signing_key_max_age": HOUR, "signing_key_prepublish": 1}
        async with run_api(signing_algorithm="ES256", **other) as wrong:
            right.clock.advance(2 * HOUR + OVERLAP)
            await keys_of(wrong).tick()
            await wrong.services[Housekeeping].prune("signing keys")
        await keys_of(right).tick()
        assert header(await new_token(right))["kid"] == kid


async def test_a_server_with_hs256_and_another_refresh_secret_does_not_let_all_sign_with_the_secret(
    run_api: RunApi,
) -> None:
    async with run_api(signing_algorithm="ES256") as right:
        await right.signed_in()
        (kid,) = published(right)
        async with run_api(refresh_secret=NEW_REFRESH) as wrong:
            await keys_of(wrong).tick()
            await keys_of(right).tick()
            assert header(await new_token(right))["kid"] == kid
            # If the other secret is the right one now, the administrator says so.
            assert await keys_of(wrong).revoke(kid) is None
            assert await algorithm_now(wrong) == "HS256"


async def test_a_new_refresh_secret_with_the_previous_one_changes_no_key(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        token = token_of(await api.signed_in())
    before = await stored(api)
    async with run_api(
        signing_algorithm="ES256", refresh_secret=NEW_REFRESH, refresh_secret_previous=REFRESH_SECRET
    ) as api:
        assert await is_accepted(api, token)
        assert header(await new_token(api))["kid"] == header(token)["kid"]
    assert before != await stored(api)
    async with run_api(signing_algorithm="ES256", refresh_secret=NEW_REFRESH) as api:
        assert header(await new_token(api))["kid"] == header(token)["kid"]


async def test_two_servers_with_each_others_secret_as_the_previous_one_do_not_encrypt_in_turns(
    run_api: RunApi,
) -> None:
    old = {"refresh_secret": REFRESH_SECRET, "refresh_secret_previous": NEW_REFRESH}
    new = {"refresh_secret": NEW_REFRESH, "refresh_secret_previous": REFRESH_SECRET}
    async with run_api(signing_algorithm="ES256", **old) as one:
        await one.signed_in()
        async with run_api(signing_algorithm="ES256", **new) as other:
            before = await stored(other)
            for _ in range(3):
                for api in (one, other):
                    await keys_of(api).tick()
                    assert await is_accepted(other, await new_token(api))
            assert await stored(other) == before


async def stored(api: Api) -> list[Any]:
    return await api.sql("SELECT kid, encrypted_private FROM signing_keys ORDER BY kid")


async def test_a_server_with_another_refresh_secret_makes_its_own_key_and_takes_none_from_the_others(
    run_api: RunApi,
) -> None:
    settings = {"signing_algorithm": "ES256", "signing_key_max_age": 2 * DAYS}
    async with running(run_api, 1, **settings) as (right,):
        await right.signed_in()
        ours = published(right)
        with structlog.testing.capture_logs() as logs:
            async with running(run_api, 1, refresh_secret=NEW_REFRESH, **settings) as (wrong,):
                await keys_of(wrong).tick()
                for _ in range(30):
                    right.clock.advance(HOUR)
                    for api in (right, wrong):
                        await keys_of(api).tick()
                theirs = [kid for kid in published(wrong) if kid not in ours]
                assert sorted(ours + theirs) == sorted(published(right)) == sorted(published(wrong))
                assert len(theirs) == 1
                for api, kid in ((right, ours[0]), (wrong, theirs[0])):
                    token = await new_token(api)
                    assert header(token)["kid"] == kid
                    assert await is_accepted(right, token)
                    assert await is_accepted(wrong, token)
                assert (await states(right))[theirs[0]] == KeyState.FOREIGN
        warnings = [line for line in logs if "REFRESH_SECRET" in line["event"]]
        assert [line["kids"] for line in warnings] in ([ours, theirs], [theirs, ours])
        right.clock.advance(2 * DAYS + OVERLAP)
        await keys_of(right).tick()
        assert theirs[0] not in published(right)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_keys_of_signing_key_are_used_in_their_order_and_their_private_halves_are_not_stored(
    run_api: RunApi, algorithm: str
) -> None:
    first, second = new_pem(algorithm), new_pem(algorithm)
    settings = {"signing_algorithm": algorithm}
    async with run_api(**settings, signing_key=first) as api:
        await api.signed_in()
        (kid,) = published(api)
    async with run_api(**settings, signing_key=first + second) as api:
        next_kid, _ = published(api)
        api.clock.advance(HOUR - 1)
        old = await new_token(api)
        assert header(old)["kid"] == kid
        api.clock.advance(1)
        assert header(await new_token(api))["kid"] == next_kid
        assert await stored(api) == sorted([(kid, None), (next_kid, None)])
    async with run_api(**settings, signing_key=second) as api:
        assert await is_accepted(api, old)
        api.clock.advance(OVERLAP)
        assert published(api) == [next_kid]
        await api.services[Housekeeping].prune("signing keys")
    with structlog.testing.capture_logs() as logs:
        async with run_api(**settings, signing_key=first + second) as api:
            assert published(api) == [next_kid]  # the first one has had its time
            for _ in range(3):
                api.clock.advance(100 * DAYS)
                await keys_of(api).tick()
            assert published(api) == [next_kid]
    assert [line["kids"] for line in logs if "SIGNING_KEY" in line["event"]] == [[kid]]


async def test_a_key_that_signs_can_move_from_signing_key_into_the_database(run_api: RunApi) -> None:
    pem = new_pem()
    async with run_api(signing_algorithm="ES256", signing_key=pem) as api:
        token = token_of(await api.signed_in())
        with pytest.raises(KeyRefused, match="append"):
            await keys_of(api).import_(new_pem())
        with pytest.raises(KeyRefused, match="append"):
            await keys_of(api).rotate()
        with pytest.raises(KeyRefused, match="No other key can sign"):
            await keys_of(api).revoke(published(api)[0])
        assert await is_accepted(api, token)
        await keys_of(api).import_(pem)
    async with run_api(signing_algorithm="ES256") as api:
        assert await is_accepted(api, token)
        assert header(await new_token(api))["kid"] == header(token)["kid"]
        with pytest.raises(KeyRefused, match="stored already"):
            await keys_of(api).import_(pem)


async def test_a_key_of_signing_key_that_is_not_due_signs_if_the_one_before_was_removed_too_early(
    run_api: RunApi,
) -> None:
    first, second = new_pem(), new_pem()
    async with run_api(signing_algorithm="ES256", signing_key=first) as api:
        token = token_of(await api.signed_in())
    async with run_api(signing_algorithm="ES256", signing_key=first + second) as api:
        next_kid = published(api)[0]
    async with run_api(signing_algorithm="ES256", signing_key=second) as api:
        assert header(await new_token(api))["kid"] == next_kid
        assert await is_accepted(api, token)


@on_sqlite
@pytest.mark.parametrize(
    ("key", "problem"),
    (
        (lambda: "no key", "must be private keys in PEM"),
        (lambda: new_pem() + new_pem()[:100], "must be private keys in PEM"),
        (lambda: new_pem("EdDSA"), "is a key for EdDSA, and SIGNING_ALGORITHM is ES256"),
        (lambda: new_pem() + new_pem("RS256"), "is a key for RS256, and SIGNING_ALGORITHM is ES256 (key 2)"),
        (lambda: pem_of(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (lambda: new_pem().replace("M", "N"), "not a private key in PEM"),
        (lambda: 2 * new_pem(), "the same key twice"),
    ),
)
async def test_an_unusable_signing_key_prevents_the_start_and_is_not_repeated(
    run_api: RunApi, key: Any, problem: str
) -> None:
    pem = key()
    with pytest.raises(SettingsError, match="SIGNING_KEY") as caught:
        async with run_api(signing_algorithm="ES256", signing_key=pem):
            pass
    assert problem in str(caught.value)
    assert not [line for line in pem.splitlines() if len(line) > 10 and line in str(caught.value)]


async def test_signing_key_needs_an_algorithm_of_key_pairs(run_api: RunApi) -> None:
    with pytest.raises(SettingsError, match="SIGNING_KEY: needs SIGNING_ALGORITHM"):
        run_api(signing_key=new_pem())


async def test_keys_must_live_longer_than_they_are_published_before(run_api: RunApi) -> None:
    with pytest.raises(SettingsError, match="SIGNING_KEY_PREPUBLISH: must not exceed"):
        run_api(signing_key_max_age=HOUR, signing_key_prepublish=HOUR + 1)


async def test_an_imported_key_is_the_next_one_and_stored_encrypted(run_api: RunApi) -> None:
    pem = new_pem()
    async with run_api(signing_algorithm="ES256") as api:
        await api.signed_in()
        kid = await keys_of(api).import_(pem)
        assert (await states(api))[kid] == "pending"
        with pytest.raises(KeyRefused, match="published already"):
            await keys_of(api).import_(new_pem())
        api.clock.advance(HOUR)
        assert header(await new_token(api))["kid"] == kid
        await keys_of(api).revoke(kid)
        with pytest.raises(KeyRefused, match="was revoked"):
            await keys_of(api).import_(pem)
        for unusable, why in (("x", "PEM"), (new_pem("EdDSA"), "EdDSA"), (new_pem() + new_pem(), "several")):
            with pytest.raises(KeyRefused, match=why):
                await keys_of(api).import_(unusable)
    async with run_api() as api:
        for refused in (keys_of(api).rotate(), keys_of(api).import_(pem)):
            with pytest.raises(KeyRefused, match="SIGNING_ALGORITHM is HS256"):
                await refused


async def test_the_database_has_nothing_that_can_make_tokens(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await keys_of(api).rotate()
        rows = await api.sql("SELECT * FROM signing_keys")
        pairs = list(keys_of(api)._private._opened.values())  # noqa: SLF001  what must be nowhere else
        secrets = [
            bytes.fromhex(f"{pair._private.private_numbers().private_value:064x}")  # noqa: SLF001  as above
            for pair in pairs
        ]
        assert len(secrets) == 2
        everything = b"".join(cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)
        assert not [secret for secret in secrets if secret in everything or secret.hex().encode() in everything]
        assert '"d"' not in everything.decode(errors="replace")
        shown = repr((pairs, keys_of(api), api.services[KeyRing].published(), api.services.settings))
        assert not [secret for secret in secrets if str(secret) in shown or secret.hex() in shown]


async def test_the_log_has_no_private_key(run_api: RunApi, caplog: pytest.LogCaptureFixture) -> None:
    pem = new_pem()
    body = [line for line in pem.splitlines() if not line.startswith("-")]
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        async with run_api(signing_algorithm="ES256", signing_key=pem) as api:
            await api.signed_in()
            with pytest.raises(KeyRefused) as refusal:
                await keys_of(api).import_(pem.replace("M", "N"))
    everything = repr(logs) + caplog.text + str(refusal.value)
    assert not [line for line in body if line in everything]


async def test_a_revocation_takes_effect_when_it_is_heard_even_if_the_keys_cannot_be_read(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_: Any) -> None:
        raise StorageUnavailable

    async with running(run_api, 2, signing_algorithm="ES256") as (one, other):
        token = token_of(await one.signed_in())
        assert await is_accepted(other, token)
        monkeypatch.setattr(other.services[Database], "read", failing)
        await keys_of(one).revoke(published(one)[0])
        await until(lambda: not other.services[KeyRing].has_pairs)
        with pytest.raises(StorageUnavailable):
            other.services[KeyRing].signing_key()
        answer = await other.client(Authorization=f"Bearer {token}").get("/profile")
        assert error_of(answer)[:2] == (503, "storage_unavailable")
        monkeypatch.undo()
        await until(lambda: other.services[KeyRing].has_pairs)
        assert not await is_accepted(other, token)


async def test_a_process_that_hears_nothing_soon_stops_signing_with_a_revoked_key(run_api: RunApi) -> None:
    deaf = {"feed_poll_seconds": 3600, "feed_silence_seconds": 0}
    async with run_api(deaf, signing_algorithm="ES256") as one, run_api(deaf, signing_algorithm="ES256") as other:
        (kid,) = published(one)
        await keys_of(one).revoke(kid)
        await until(lambda: has_heard_of_revocation(other, kid))


async def test_key_pairs_are_made_outside_the_event_loop_and_outside_transactions(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: list[threading.Thread] = []

    async with run_api(signing_algorithm="ES256") as api:

        def make(algorithm: str) -> KeyPair:
            made_in.append(threading.current_thread())
            # Nobody holds the lock of SQLite's writers or the lock of signing keys: this would wait for it.
            asyncio.run_coroutine_threadsafe(keys_of(api).tick(), loop).result(timeout=5)
            writing = api.services[Database].write(lambda uow: uow.lock("signing keys"))
            asyncio.run_coroutine_threadsafe(writing, loop).result(timeout=5)
            return new_key_pair(algorithm)

        loop = asyncio.get_running_loop()
        monkeypatch.setattr("jwtapi.security.key_pairs.new_key_pair", make)
        assert await keys_of(api).rotate() in published(api)
    assert made_in
    assert made_in[0] is not threading.current_thread()


async def test_while_the_feed_is_silent_a_revoked_key_is_refused_all_the_same(run_api: RunApi) -> None:
    """A process that hears nothing reads the keys for each request, as it reads the sessions."""
    deaf = {"feed_poll_seconds": 3600, "feed_silence_seconds": 0}
    async with run_api(deaf, signing_algorithm="ES256") as one, run_api(deaf, signing_algorithm="ES256") as other:
        token = token_of(await one.signed_in())
        assert await is_accepted(other, token)
        (kid,) = published(one)
        await keys_of(one).revoke(kid)
        assert not await is_accepted(other, token)
        assert await is_accepted(other, await new_token(one))


async def test_while_the_feed_is_silent_many_tokens_cause_few_reads_of_the_keys(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = {"feed_poll_seconds": 3600, "feed_silence_seconds": 0}
    async with run_api(deaf, signing_algorithm="ES256") as api:
        reads = 0
        original = SigningKeyRepository.all

        def counted(repository: SigningKeyRepository) -> list[SigningKey]:
            nonlocal reads
            reads += 1
            return original(repository)

        monkeypatch.setattr(SigningKeyRepository, "all", counted)
        refusals = await asyncio.gather(
            *(api.services[Authenticator].authenticate("a.b.c") for _ in range(100)), return_exceptions=True
        )
        assert {type(refusal) for refusal in refusals} == {AccessTokenInvalid}
        assert 1 <= reads < 10  # the background reads them too


async def test_while_the_feed_is_silent_the_token_of_a_client_with_a_revoked_key_is_refused_all_the_same(
    run_api: RunApi,
) -> None:
    deaf = {"feed_poll_seconds": 3600, "feed_silence_seconds": 0}
    async with run_api(deaf, signing_algorithm="ES256") as one, run_api(deaf, signing_algorithm="ES256") as other:
        service = other.client(
            Authorization=f"Bearer {await service_token(one, await new_client(one, Scope.INTROSPECT))}"
        )
        assert (await service.post("/introspect", data={"token": "any"})).status_code == 200
        await keys_of(one).revoke(published(one)[0])
        answer = await service.post("/introspect", data={"token": "any"})
        assert error_of(answer)[:2] == (401, "token_invalid")


async def test_a_key_that_is_revoked_while_the_keys_are_read_does_not_come_back(run_api: RunApi) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        await feed_is_live(api)
        (kid,) = published(api)
        database = api.services[Database]
        read = database.read

        def revoke(uow: UnitOfWork) -> None:
            uow.signing_keys.revoke(kid, api.clock())
            event = Event(0, api.clock(), SIGNING_KEY_REVOKED.name, None, None, None, None, details={"kid": kid})
            uow.events.add(event)

        async def slow_read(unit: Any) -> Any:
            rows = await read(unit)
            database.read = read  # type: ignore[method-assign]
            await database.write(revoke)
            return rows

        database.read = slow_read  # type: ignore[method-assign]
        await keys_of(api).tick()
        assert kid not in published(api)


async def test_without_keys_nothing_is_signed_or_refused_and_they_are_loaded_when_the_database_answers(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(signing_algorithm="ES256") as api:
        alice = await api.signed_in()
        token = token_of(alice)
    is_down = True
    read = Database.read

    async def failing(self: Database, unit: Any) -> Any:
        if is_down:
            raise StorageUnavailable
        return await read(self, unit)

    monkeypatch.setattr(Database, "read", failing)
    async with run_api(signing_algorithm="ES256") as api:
        client = api.client(Authorization=f"Bearer {token}")
        for bearer in (token, jwt.encode({}, JWT_SECRET, "HS256", headers={"typ": "at+jwt"})):
            answer = await client.get("/profile", headers={"Authorization": f"Bearer {bearer}"})
            assert error_of(answer)[:2] == (503, "storage_unavailable")
        with pytest.raises(StorageUnavailable):
            api.services[KeyRing].signing_key()
        is_down = False
        await until(lambda: api.services[KeyRing].has_pairs)
        assert await is_accepted(api, token)
