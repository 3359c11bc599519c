"""POST /password/reset."""

import asyncio
from datetime import timedelta
from unittest.mock import Mock

import bcrypt
import httpx
import pytest

from jwtapi.security.link_tokens import LinkPurpose
from jwtapi.security.passwords import PasswordHasher
from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.features.password.provoked import FORGED, token_of
from tests.features.password.test_forgot import EMAIL, NEW, reset
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.emails import set_email
from tests.support.statements import sent_by_requests, statements

INVALID = (400, "link_invalid", "This link is no longer valid")


async def test_a_reset_sets_the_password_ends_all_sessions_and_signs_nobody_in(api: Api) -> None:
    one, other = await api.signed_in(), await sign_in(api.client())
    client = api.client()
    response = await reset(client, await token_of(api))
    assert response.status_code == 200
    assert response.json() == {"message": "The password was changed. Sign in with the new one."}
    assert response.headers.get_list("set-cookie") == []
    for signed_in in (one, other):
        assert error_of(await signed_in.get("/profile"))[1] == "token_invalid"
        assert error_of(await signed_in.post("/refresh"))[1] == "refresh_token_invalid"
    old = await client.post("/login", json={"username": "alice", "password": PASSWORD})
    assert error_of(old)[1] == "invalid_credentials"
    await sign_in(client, password=NEW)
    changed = [event for event in await api.events() if event.type == "user.password_changed"]
    assert [(event.details, event.address) for event in changed] == [({"by": "link"}, "203.0.113.7")]


async def test_of_two_resets_that_race_with_one_token_one_succeeds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await register(api.client())
    token, hash_, both = await token_of(api), PasswordHasher.hash, asyncio.Barrier(2)

    async def hash_together(*args: object, **kwargs: object) -> str:
        await both.wait()
        return await hash_(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(PasswordHasher, "hash", hash_together)
    answers = await asyncio.gather(*(reset(api.client(), token, f"{NEW} {number}") for number in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    (winner,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert error_of(answers[1 - winner]) == INVALID
    monkeypatch.undo()
    await sign_in(api.client(), password=f"{NEW} {winner}")
    assert (await api.event_types()).count("user.password_changed") == 1


async def test_a_token_works_once(api: Api, client: httpx.AsyncClient) -> None:
    await register(client)
    token = await token_of(api)
    assert (await reset(client, token)).status_code == 200
    assert error_of(await reset(client, token, f"{NEW}!")) == INVALID
    await sign_in(client, password=NEW)


async def test_a_token_lasts_30_minutes(api: Api, client: httpx.AsyncClient) -> None:
    await register(client)
    token = await token_of(api)
    api.clock.advance(30 * 60)
    assert error_of(await reset(client, token)) == (400, "link_expired", "This link has expired")
    await sign_in(client)


async def change_by_reset(api: Api) -> None:
    assert (await reset(api.client(), await token_of(api), f"{NEW}!")).status_code == 200


async def change_by_the_user(api: Api) -> None:
    client = await sign_in(api.client())
    body = {"currentPassword": PASSWORD, "newPassword": f"{NEW}!"}
    assert (await client.put("/api/password", json=body)).status_code == 204


async def change_to_the_same_password(api: Api) -> None:
    client = await sign_in(api.client())
    body = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    assert (await client.put("/api/password", json=body)).status_code == 204


async def change_by_the_operator(api: Api) -> None:
    await api.set_password(f"{NEW}!")


async def change_the_address(api: Api) -> None:
    await set_email(api, "other@example.com")


async def change_the_address_and_back(api: Api) -> None:
    await set_email(api, "other@example.com")
    await set_email(api, EMAIL)


async def disable_the_user(api: Api) -> None:
    await api.disable()


async def disable_and_enable_the_user(api: Api) -> None:
    await api.disable()
    await api.enable()


@pytest.mark.parametrize(
    "change",
    (
        change_by_reset,
        change_by_the_user,
        change_to_the_same_password,
        change_by_the_operator,
        change_the_address,
        change_the_address_and_back,
        disable_the_user,
        disable_and_enable_the_user,
    ),
)
async def test_a_token_is_void_after_any_change_of_password_address_or_state(api: Api, change: object) -> None:
    await register(api.client())
    await set_email(api, EMAIL)
    token = await token_of(api)
    assert callable(change)
    await change(api)
    before = await api.user()
    assert error_of(await reset(api.client(), token)) == INVALID
    assert await api.user() == before


@pytest.mark.parametrize(
    "change",
    (change_the_address, disable_the_user, change_by_the_operator),
)
async def test_a_change_while_the_new_password_is_hashed_voids_the_token(
    api: Api, monkeypatch: pytest.MonkeyPatch, change: object
) -> None:
    await register(api.client())
    token, hash_ = await token_of(api), PasswordHasher.hash
    assert callable(change)

    async def change_then_hash(*args: object, **kwargs: object) -> str:
        monkeypatch.undo()
        await change(api)
        return await hash_(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(PasswordHasher, "hash", change_then_hash)
    assert error_of(await reset(api.client(), token)) == INVALID


async def test_a_deleted_user_cannot_reset_the_password(api: Api) -> None:
    await register(api.client())
    token = await token_of(api)
    await api.delete()
    assert error_of(await reset(api.client(), token)) == INVALID


@on_sqlite
@pytest.mark.parametrize("purpose", [purpose for purpose in LinkPurpose if purpose is not LinkPurpose.RESET_PASSWORD])
async def test_a_token_for_another_purpose_resets_nothing(api: Api, purpose: LinkPurpose) -> None:
    await register(api.client())
    assert error_of(await reset(api.client(), await token_of(api, purpose=purpose))) == INVALID
    await sign_in(api.client())


async def test_a_token_of_another_user_or_with_another_expiry_resets_nothing(api: Api) -> None:
    for username in ("alice", "mallory"):
        await register(api.client(), username)
    alice = await api.user("alice")
    for_alice = await token_of(api, "mallory", subject=alice.id)
    assert error_of(await reset(api.client(), for_alice)) == INVALID
    early, late = await token_of(api), await token_of(api, expires_at=api.clock() + timedelta(days=1))
    # base64url: 22 bytes of subject and expiry do not end at a character, but 21 do.
    mixed = late[:28] + early[28:]
    assert mixed not in {early, late}
    assert error_of(await reset(api.client(), mixed)) == INVALID
    await sign_in(api.client(), "alice")


async def test_no_part_of_a_token_can_be_changed_or_left_out(api: Api) -> None:
    await register(api.client())
    token = await token_of(api)
    wrong = [token[:-1], token[1:], token + "A", token + "=", f" {token}", token.swapcase(), "", "é" * len(token)]
    wrong += [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(0, len(token), 7)]
    wrong += [token[:10] + "\n" + token[11:], "\0" * len(token), token * 100]
    for each in wrong:
        code = error_of(await reset(api.client(), each))[1]
        assert code in {"link_invalid", "link_expired"}, each  # a changed expiry may be in the past
    await sign_in(api.client())
    assert (await reset(api.client(), token)).status_code == 200


async def test_an_unknown_subject_and_a_wrong_token_get_the_same_answer_by_the_same_work(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(api.client())
    unknown, known = FORGED, await token_of(api, bound_to=b"")
    await reset(api.client(), known)  # prepares the statement
    hashes = Mock(wraps=bcrypt.hashpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashes)
    found = []
    for token in (unknown, known):
        client = api.client(**{"X-Request-ID": "the-same"})
        with statements(api, sent_by_requests) as sent:
            response = await reset(client, token)
        found.append((response.status_code, response.content, response.headers.raw, [each.sql for each in sent]))
    assert found[0] == found[1]
    assert found[0][0] == 400
    assert len(found[0][3]) == 1
    assert hashes.call_count == 0


async def test_a_token_that_no_server_issued_costs_no_hash_and_no_statement(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PasswordHasher, "hash", Mock(side_effect=AssertionError))
    with statements(api, sent_by_requests) as sent:
        assert error_of(await reset(api.client(), "x" * 60_000)) == INVALID
        assert error_of(await reset(api.client(), FORGED, "short"))[1] == "password_too_short"
    assert sent == []


@pytest.mark.parametrize(
    ("password", "code"),
    (("short", "password_too_short"), ("x" * 1025, "password_too_long"), ("alicealicealice", "password_too_common")),
)
async def test_the_policy_of_registration_holds_and_a_refused_password_does_not_use_the_token(
    run_api: RunApi, password: str, code: str
) -> None:
    async with run_api(password_blocklist=True) as api:
        await register(api.client(), "alicealicealice")
        token = await token_of(api, "alicealicealice")
        refused = await reset(api.client(), token, password)
        assert error_of(refused)[:2] == (400, code)
        assert [error["field"] for error in refused.json()["errors"]] == ["password"]
        assert (await reset(api.client(), token)).status_code == 200


async def test_a_user_without_a_password_gets_one_by_a_reset(api: Api, client: httpx.AsyncClient) -> None:
    await register(client)
    user = await api.user()
    await api.services[Database].write(lambda uow: uow.users.change_password(user.id, None))
    assert (await reset(client, await token_of(api))).status_code == 200
    await sign_in(client, password=NEW)


async def test_after_a_reset_earlier_failures_do_not_keep_the_owner_out(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="2/hour") as api:
        client = api.client()
        await register(client)
        body = {"username": "alice", "password": "forgotten"}
        assert [(await client.post("/login", json=body)).status_code for _ in range(3)] == [401, 401, 429]
        assert (await reset(client, await token_of(api))).status_code == 200
        await sign_in(client, password=NEW)


async def test_a_token_of_before_a_rotation_of_the_secret_still_works(run_api: RunApi) -> None:
    previous = "9b1f4c7e2a6d8053b4e7c9f1a2d6085e3c7b9f4a1d2e6c8057a3b9e1f4c6d280"
    async with run_api(refresh_secret=previous) as api:
        await register(api.client())
        token = await token_of(api)
    async with run_api(refresh_secret_previous=previous) as api:
        assert (await reset(api.client(), token)).status_code == 200


async def test_the_limit_counts_resets_by_address(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, password_reset_rate_limit="2/minute") as api:
        client = api.client()
        answers = [(await reset(client, FORGED)).status_code for _ in range(3)]
        elsewhere = await reset(api.client("203.0.113.8"), FORGED)
    assert (answers, elsewhere.status_code) == ([400, 400, 429], 400)
