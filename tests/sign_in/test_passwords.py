"""Which user is meant by what somebody types, and how attempts are counted."""

import pytest

from jwtapi.security.passwords import PasswordHasher
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, register
from tests.support.emails import set_email, set_pending_email
from tests.support.statements import sent_by_requests, statements

ALICE = "Alice@Example.com"
OWNERS = "the password of the owner"


async def log_in(api: Api, login: str, password: str = PASSWORD) -> int:
    return (await api.client().post("/login", json={"username": login, "password": password})).status_code


async def name(api: Api, username: str, new_name: str) -> None:
    """Give the user a name that nobody can register any more."""
    await api.sql(
        f"UPDATE users SET username = '{new_name}', canonical_username = '{new_name}' WHERE username = '{username}'"  # noqa: S608
    )


async def test_a_verified_address_signs_in_at_login_and_at_token_in_any_case(api: Api) -> None:
    await register(api.client())
    await set_email(api, ALICE)
    assert [await log_in(api, login) for login in (ALICE, ALICE.lower(), f" {ALICE.upper()} ")] == [200, 200, 200]
    form = {"grant_type": "password", "username": ALICE, "password": PASSWORD}
    assert (await api.client().post("/token", data=form)).status_code == 200


async def test_an_address_that_waits_signs_nobody_in(api: Api) -> None:
    await register(api.client())
    await set_pending_email(api, ALICE)
    assert await log_in(api, ALICE) == 401


async def test_an_old_name_with_an_at_sign_works_until_somebody_has_verified_the_address(api: Api) -> None:
    await register(api.client(), "squatter")
    await register(api.client(), "owner", OWNERS)
    await name(api, "squatter", "owner@example.com")
    assert await log_in(api, "owner@example.com") == 200
    await set_pending_email(api, "owner@example.com", "owner")
    assert await log_in(api, "owner@example.com") == 200
    await set_email(api, "owner@example.com", "owner")
    assert [await log_in(api, "owner@example.com", password) for password in (PASSWORD, OWNERS)] == [401, 200]


async def test_an_old_name_that_is_no_address_works(api: Api) -> None:
    await register(api.client(), "squatter")
    await name(api, "squatter", "me@home")
    assert [await log_in(api, login) for login in ("me@home", "ME@home", "me\uff20home")] == [200, 200, 200]


@on_sqlite
@pytest.mark.parametrize(
    "login", ("a@", "@", "a" * 300 + "@example.com", "a@b@c", "\u0000@example.com", "ﬀ@example.com", "x@localhost")
)
async def test_what_is_neither_a_name_nor_an_address_is_an_unknown_user(api: Api, login: str) -> None:
    assert await log_in(api, login) == 401


async def work_of(api: Api, login: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """The statements and the number of hashes of a login that fails."""
    hashes = 0
    verify = PasswordHasher.verify

    async def count(self: PasswordHasher, *arguments: str) -> bool:
        nonlocal hashes
        hashes += 1
        return await verify(self, *arguments)

    with monkeypatch.context() as patch, statements(api, sent_by_requests) as sent:
        patch.setattr(PasswordHasher, "verify", count)
        assert await log_in(api, login, "a wrong password") == 401
    return [statement.sql for statement in sent], hashes


async def test_an_unknown_address_takes_the_same_statements_and_hashes_as_a_verified_one(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="100/hour", login_rate_limit="100/hour") as api:
        await register(api.client())
        await register(api.client(), "bob")
        await set_email(api, ALICE)
        await set_pending_email(api, "waits@example.com", "bob")
        known = await work_of(api, ALICE, monkeypatch)
        for login in ("nobody@example.com", "waits@example.com", "no address @"):
            assert await work_of(api, login, monkeypatch) == known
        assert known[1] == 1


async def test_without_an_at_sign_only_the_name_is_looked_for(api: Api) -> None:
    await register(api.client())
    with statements(api, lambda sql: "WHERE users.canonical_" in sql) as sent:
        for login in ("alice", "nobody"):
            await log_in(api, login)
    assert len(sent) == 2
    assert not [each for each in sent if "canonical_email =" in each.sql]


async def test_failed_logins_count_together_by_name_and_by_address(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="3/hour", login_rate_limit="100/hour") as api:
        await register(api.client())
        await set_email(api, ALICE)
        assert [await log_in(api, login, "wrong") for login in ("alice", ALICE, ALICE.lower())] == [401, 401, 401]
        assert [await log_in(api, login) for login in ("alice", ALICE)] == [429, 429]


@on_sqlite
@pytest.mark.parametrize(
    ("one", "other"),
    (
        ("nobody@example.com", "NoBody@EXAMPLE.com"),
        ("nobody@bücher.example", "nobody@xn--bcher-kva.example"),
        ("me@home", "ME@home"),
        ("nobody", "NOBODY"),
    ),
)
async def test_failed_logins_to_nobody_count_together_however_the_login_is_written(
    run_api: RunApi, one: str, other: str
) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="1/hour", login_rate_limit="100/hour") as api:
        assert [await log_in(api, login) for login in (one, other)] == [401, 429]
