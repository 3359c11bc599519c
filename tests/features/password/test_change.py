"""PUT /api/password."""

import asyncio

import httpx
import pytest

from jwtapi.security.passwords import PasswordHasher
from jwtapi.storage.database import Database
from tests.conftest import RunApi
from tests.features.password.test_forgot import NEW
from tests.support.api import PASSWORD, Api, error_of, sign_in

WRONG = (403, "wrong_password", "Wrong password")


async def change(client: httpx.AsyncClient, current: str = PASSWORD, new: str = NEW) -> httpx.Response:
    return await client.put("/api/password", json={"currentPassword": current, "newPassword": new})


async def test_a_change_ends_all_other_sessions_and_this_one_goes_on(api: Api, alice: httpx.AsyncClient) -> None:
    others = [await sign_in(api.client()) for _ in range(2)]
    response = await change(alice)
    assert (response.status_code, response.content) == (204, b"")
    assert (await alice.get("/profile")).status_code == 200
    assert (await alice.post("/refresh")).status_code == 200
    for other in others:
        assert error_of(await other.get("/profile"))[1] == "token_invalid"
        assert error_of(await other.post("/refresh"))[1] == "refresh_token_invalid"
    await sign_in(api.client(), password=NEW)
    old = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
    assert error_of(old)[1] == "invalid_credentials"
    changed = [event for event in await api.events() if event.type == "user.password_changed"]
    assert [event.details for event in changed] == [{"by": "password"}]


async def test_a_wrong_current_password_is_refused_and_changes_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    before = await api.user()
    assert error_of(await change(alice, "wrong")) == WRONG
    assert await api.user() == before
    assert (await alice.get("/profile")).status_code == 200


async def test_a_user_without_a_password_sets_none_here(api: Api, alice: httpx.AsyncClient) -> None:
    user = await api.user()
    await api.services[Database].write(lambda uow: uow.users.change_password(user.id, None))
    for current in (PASSWORD, " "):
        assert error_of(await change(alice, current)) == WRONG
    assert (await api.user()).password_hash is None


@pytest.mark.parametrize(
    ("password", "code"),
    (("short", "password_too_short"), ("x" * 1025, "password_too_long"), ("passwordpassword", "password_too_common")),
)
async def test_the_policy_of_registration_holds_for_the_new_password(run_api: RunApi, password: str, code: str) -> None:
    async with run_api(password_blocklist=True) as api:
        refused = await change(await api.signed_in(), new=password)
    assert error_of(refused)[:2] == (400, code)
    assert [error["field"] for error in refused.json()["errors"]] == ["newPassword"]


async def test_the_browser_gets_a_device_cookie_for_the_new_password(run_api: RunApi) -> None:
    """Otherwise strangers who use up the account's limit would lock out its owner."""
    async with run_api(rate_limit_enabled=True, account_rate_limit="2/hour") as api:
        alice, stranger = await api.signed_in(), api.client("203.0.113.66")
        assert (await change(alice)).status_code == 204
        guess = {"username": "alice", "password": "a guess"}
        assert [(await stranger.post("/login", json=guess)).status_code for _ in range(3)] == [401, 401, 429]
        await sign_in(alice, password=NEW)


async def test_of_two_changes_at_the_same_time_one_succeeds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [await api.signed_in(), await sign_in(api.client())]
    hash_, both = PasswordHasher.hash, asyncio.Barrier(2)

    async def hash_together(*args: object, **kwargs: object) -> str:
        await both.wait()
        return await hash_(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(PasswordHasher, "hash", hash_together)
    answers = await asyncio.gather(*(change(client, new=f"{NEW} {n}") for n, client in enumerate(clients)))
    monkeypatch.undo()
    assert sorted(answer.status_code for answer in answers) == [204, 401]  # the change ends the other session
    (winner,) = [number for number, answer in enumerate(answers) if answer.status_code == 204]
    await sign_in(api.client(), password=f"{NEW} {winner}")


async def test_a_hash_that_a_login_renews_meanwhile_does_not_refuse_the_change(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_ = PasswordHasher.hash
    hasher = api.services[PasswordHasher]

    async def renew_then_hash(*args: object, **kwargs: object) -> str:
        monkeypatch.undo()
        await api.import_password_hash(await hasher.hash(PASSWORD))
        return await hash_(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(PasswordHasher, "hash", renew_then_hash)
    assert (await change(alice)).status_code == 204
    await sign_in(api.client(), password=NEW)


async def test_wrong_passwords_count_by_user_and_lock_out_no_login(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="2/hour") as api:
        alice = await api.signed_in()
        assert [(await change(alice, "wrong")).status_code for _ in range(3)] == [403, 403, 429]
        await sign_in(api.client("203.0.113.8"))


async def test_the_limit_counts_changes_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, password_change_rate_limit="2/minute") as api:
        alice, bob = await api.signed_in("alice"), await api.signed_in("bob")
        answers = [(await change(alice, "wrong")).status_code for _ in range(3)]
        others = (await change(bob)).status_code
    assert (answers, others) == ([403, 403, 429], 204)


async def test_no_password_is_in_an_answer(alice: httpx.AsyncClient) -> None:
    for response in (
        await change(alice, "the wrong secret"),
        await alice.put("/api/password", json={"currentPassword": 5, "newPassword": ["the new secret"]}),
    ):
        assert "secret" not in response.text
