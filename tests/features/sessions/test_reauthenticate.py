"""Signing in again in the same session."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest

from jwtapi import audit
from jwtapi.authentication.authenticator import Authenticator
from jwtapi.caller import COMMAND_LINE
from jwtapi.errors import JwtapiError
from jwtapi.security.passwords import PasswordHasher
from jwtapi.sessions.events import SESSIONS_REVOKED
from jwtapi.sign_in.errors import WrongPassword
from jwtapi.sign_in.proof import Proof, Wanted
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of
from tests.support.gate import held
from tests.support.statements import sent_by_requests, statements

DEAD = (401, "token_invalid", "Invalid token")
RIGHT = {"password": PASSWORD}
WRONG = {"password": "a wrong password"}


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def with_claims(token: str, **changes: Any) -> str:
    return jwt.encode(claims_of(token) | changes, JWT_SECRET, headers={"typ": "at+jwt"})


async def status_of(api: Api, token: str) -> int:
    return (await api.client(Authorization=f"Bearer {token}").get("/profile")).status_code


async def reauthenticate(client: httpx.AsyncClient) -> str:
    response = await client.post("/api/reauthenticate", json=RIGHT)
    assert response.status_code == 200, response.text
    token: str = response.json()["accessToken"]
    return token


async def auth_time_here(api: Api, token: str) -> int:
    return (await api.services[Authenticator].authenticate(token)).auth_time


async def test_the_session_gets_a_new_time_of_sign_in_and_keeps_its_refresh_token(
    api: Api, alice: httpx.AsyncClient
) -> None:
    cookie = alice.cookies["refreshToken"]
    api.clock.advance(700)
    response = await alice.post("/api/reauthenticate", json=RIGHT)
    body = response.json()
    assert response.status_code == 200
    assert body == {
        "accessToken": body["accessToken"],
        "token": body["accessToken"],
        "tokenType": "bearer",
        "expiresIn": 900,
    }
    assert "set-cookie" not in response.headers
    before, after = claims_of(token_of(alice)), claims_of(body["token"])
    assert (after["sid"], after["amr"]) == (before["sid"], ["pwd"])
    assert after["auth_time"] == before["auth_time"] + 700
    assert await status_of(api, body["token"]) == 200
    assert (await api.event_types())[-1] == "session.reauthenticated"
    assert (await api.events())[-1].session_id is not None
    assert alice.cookies["refreshToken"] == cookie
    renewed = (await alice.post("/refresh")).json()["accessToken"]
    assert claims_of(renewed)["auth_time"] == after["auth_time"]


async def test_a_session_that_was_opened_in_another_way_adds_the_password_to_its_methods(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await api.sql("""UPDATE sessions SET amr = '["hwk", "user"]'""")
    token = (await alice.post("/refresh")).json()["accessToken"]
    alice.headers["Authorization"] = f"Bearer {token}"
    again = await reauthenticate(alice)
    assert claims_of(again)["amr"] == ["hwk", "user", "pwd"]
    assert claims_of(await reauthenticate(alice))["amr"] == ["hwk", "user", "pwd"]
    assert [await status_of(api, each) for each in (token, again)] == [200, 200]


async def test_a_token_from_before_stays_valid_but_is_no_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    old, signed_in_at = token_of(alice), claims_of(token_of(alice))["auth_time"]
    api.clock.advance(700)
    new = await reauthenticate(alice)
    for _ in range(3):  # from the database, and from the cache
        assert [await status_of(api, token) for token in (old, new)] == [200, 200]
        assert await auth_time_here(api, old) == signed_in_at
        assert await auth_time_here(api, new) == signed_in_at + 700


async def test_a_token_that_claims_more_than_its_session_has_is_refused(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(700)
    token = await reauthenticate(alice)
    now = claims_of(token)["auth_time"]
    refused: list[dict[str, Any]] = [
        {"auth_time": now + 1},
        {"auth_time": now + 1, "amr": ["pwd"]},
        {"amr": ["pwd", "otp"]},
        {"auth_time": now - 700, "amr": ["pwd", "otp"]},
        {"auth_time": now - 700, "amr": ["otp"]},
        {"auth_time": now - 700, "roles": ["admin"]},
        {"auth_time": now - 700, "username": "bob"},
    ]
    for claims in refused:
        assert await status_of(api, with_claims(token, **claims)) == 401, claims
    assert await status_of(api, with_claims(token, auth_time=now - 700)) == 200


async def test_the_methods_of_then_are_the_first_of_those_of_now(api: Api, alice: httpx.AsyncClient) -> None:
    await api.sql("""UPDATE sessions SET amr = '["hwk", "pwd"]'""")
    token = (await alice.post("/refresh")).json()["accessToken"]
    assert await status_of(api, with_claims(token, amr=["hwk"])) == 200
    assert await status_of(api, with_claims(token, amr=["pwd"])) == 401
    assert await status_of(api, with_claims(token, amr=["pwd", "hwk"])) == 401


async def test_a_wrong_password_changes_nothing_and_is_recorded(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(60)
    response = await alice.post("/api/reauthenticate", json=WRONG)
    assert error_of(response) == (403, "wrong_password", "Wrong password")
    assert (await api.event_types())[-1] == "login.failed"
    assert await api.sql("SELECT count(*) FROM sessions WHERE auth_time = created_at") == [(1,)]
    assert await status_of(api, token_of(alice)) == 200


@on_sqlite
@pytest.mark.parametrize("body", ({}, {"password": ""}, {"password": None}, {"password": 5}, {"password": ["x"]}))
async def test_a_body_without_a_password_is_refused(alice: httpx.AsyncClient, body: dict[str, Any]) -> None:
    response = await alice.post("/api/reauthenticate", json=body)
    assert error_of(response)[:2] == (400, "validation_failed")
    assert [fault["field"] for fault in response.json()["errors"]] == ["password"]


async def test_the_limit_on_the_account_is_counted_before_the_hash(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(rate_limit_enabled=True, reauthenticate_rate_limit="3/minute") as api:
        alice, hashes = await api.signed_in(), 0
        verify = PasswordHasher.verify

        async def counted(self: PasswordHasher, password: str, stored: str | None) -> bool:
            nonlocal hashes
            hashes += 1
            return await verify(self, password, stored)

        monkeypatch.setattr(PasswordHasher, "verify", counted)
        bodies = [WRONG, RIGHT, RIGHT, RIGHT, WRONG]
        answers = [await alice.post("/api/reauthenticate", json=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [403, 200, 200, 429, 429]
        assert hashes == 3
        assert int(answers[-1].headers["retry-after"]) > 0
        bob = await api.signed_in("bob")
        assert (await bob.post("/api/reauthenticate", json=RIGHT)).status_code == 200
        api.clock.advance(60)
        assert (await alice.post("/api/reauthenticate", json=RIGHT)).status_code == 200


@contextmanager
def after_the_hash(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[Any]]) -> Iterator[None]:
    """Let something happen between the check of the password and the change of the session."""
    verify = PasswordHasher.verify

    async def then_act(self: PasswordHasher, password: str, stored: str | None) -> bool:
        matches = await verify(self, password, stored)
        await act()
        return matches

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", then_act)
        yield


async def test_a_session_that_ends_meanwhile_gets_no_token(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = api.client(Authorization=alice.headers["Authorization"])
    with after_the_hash(monkeypatch, lambda: leaving.post("/logout")):
        assert error_of(await alice.post("/api/reauthenticate", json=RIGHT)) == DEAD
    assert "session.reauthenticated" not in await api.event_types()
    assert error_of(await alice.post("/refresh"))[0] == 403


async def test_a_user_who_is_disabled_meanwhile_gets_no_token(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with after_the_hash(monkeypatch, api.disable):
        assert error_of(await alice.post("/api/reauthenticate", json=RIGHT)) == DEAD


async def test_a_password_that_is_changed_meanwhile_is_wrong(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def change() -> None:
        await api.import_password_hash("$2b$04$" + "x" * 53)

    with after_the_hash(monkeypatch, change):
        assert error_of(await alice.post("/api/reauthenticate", json=RIGHT))[:2] == (403, "wrong_password")
    assert "session.reauthenticated" not in await api.event_types()


async def test_signing_in_again_waits_for_a_transaction_that_ends_the_sessions_and_finds_none(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, checked = (await api.user()).id, asyncio.Event()
    revoked = audit.event(SESSIONS_REVOKED, at=api.clock(), caller=COMMAND_LINE, user_id=user_id)

    async def set_checked() -> None:
        checked.set()

    with after_the_hash(monkeypatch, set_checked):
        async with held(
            api.services[Database].write,
            lambda uow: uow.users.get_for_update(user_id),
            then=lambda uow: uow.sessions.revoke_all(user_id, revoked),
        ):
            waiting = asyncio.create_task(alice.post("/api/reauthenticate", json=RIGHT))
            await checked.wait()
        assert error_of(await waiting) == DEAD
    assert "session.reauthenticated" not in await api.event_types()


async def test_only_one_statement_changes_the_session(api: Api, alice: httpx.AsyncClient) -> None:
    with statements(api, sent_by_requests) as sent:
        await reauthenticate(alice)
    assert len([sql for sql, _ in sent if sql.startswith("UPDATE sessions SET amr")]) == 1
    assert len([sql for sql, _ in sent if "INSERT" in sql]) == 1


async def test_the_token_does_not_claim_that_the_answer_to_a_refresh_has_arrived(
    api: Api, alice: httpx.AsyncClient
) -> None:
    before = api.client(Cookie=f"refreshToken={alice.cookies['refreshToken']}")
    await alice.post("/refresh")  # the answer gets lost
    token = await reauthenticate(alice)
    assert claims_of(token)["gen"] == 0
    assert await status_of(api, token) == 200
    api.clock.advance(60)
    assert (await before.post("/refresh")).status_code == 200


class Factor:
    def concerns(self, _user: User, _proof: Proof) -> bool:
        return True

    def refusal(self, uow: UnitOfWork, user: User, proof: Proof, _wanted: Wanted) -> JwtapiError | None:
        assert (proof.user_id, list(proof.methods)) == (user.id, ["pwd"])
        uow.users.set_settings(user.id, {"ticket": "stored"})
        return WrongPassword("Code wanted")


async def test_a_password_alone_is_not_enough_where_a_further_factor_is_wanted(
    api: Api, alice: httpx.AsyncClient
) -> None:
    api.services[SignIn].add_further_factor(Factor())
    api.clock.advance(60)
    assert error_of(await alice.post("/api/reauthenticate", json=RIGHT)) == (403, "wrong_password", "Code wanted")
    assert await api.sql("SELECT count(*) FROM sessions WHERE auth_time = created_at") == [(1,)]
    assert (await api.user()).settings == {"ticket": "stored"}


async def test_on_another_worker_both_tokens_are_valid_at_once(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        alice = await one.signed_in()
        old = token_of(alice)
        assert await status_of(another, old) == 200
        one.clock.advance(700)
        new = await reauthenticate(alice)
        assert [await status_of(another, token) for token in (new, old, new)] == [200, 200, 200]
        assert await auth_time_here(another, old) < await auth_time_here(another, new)
