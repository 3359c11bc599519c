"""A proof, and the session that it opens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from jwtapi.errors import JwtapiError
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.sign_in.proof import Proof, Wanted
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register

RIGHT = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "wrong"}


class CodeWanted(InvalidCredentials):
    """What a second factor would answer. It has no code of its own, or all tests would have it in the catalogue."""

    message = "Code wanted"


class Factor:
    """A second factor that always wants a code, and leaves a trace in the transaction."""

    def concerns(self, _user: User, _proof: Proof) -> bool:
        return True

    def refusal(self, uow: UnitOfWork, user: User, _proof: Proof, _wanted: Wanted) -> JwtapiError | None:
        uow.users.set_settings(user.id, {"ticket": "stored"})
        return CodeWanted()


def claims_of(response: httpx.Response) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(response.json()["accessToken"], options={"verify_signature": False})
    return decoded


async def log_in(api: Api, body: dict[str, str] = RIGHT) -> httpx.Response:
    client = api.client()
    client.event_hooks = {}  # the document does not list what the test's factor answers
    return await client.post("/login", json=body)


async def test_while_a_further_factor_is_wanted_no_session_opens_and_nothing_is_handed_out(api: Api) -> None:
    await register(api.client())
    api.services[SignIn].add_further_factor(Factor())
    response = await log_in(api)
    assert error_of(response) == (401, "invalid_credentials", "Code wanted")
    assert "set-cookie" not in response.headers
    assert await api.sql("SELECT count(*) FROM sessions") == [(0,)]
    assert await api.event_types() == ["user.registered"]


async def test_what_a_further_factor_writes_is_committed(api: Api) -> None:
    await register(api.client())
    api.services[SignIn].add_further_factor(Factor())
    await log_in(api)
    assert (await api.user()).settings == {"ticket": "stored"}


async def test_a_right_password_alone_forgets_no_failures_while_a_further_factor_is_wanted(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, login_rate_limit="100/hour", account_rate_limit="3/hour") as api:
        await register(api.client())
        api.services[SignIn].add_further_factor(Factor())
        statuses = [(await log_in(api, body)).status_code for body in (WRONG, RIGHT, RIGHT, RIGHT)]
        assert statuses == [401, 401, 401, 429]


async def test_a_session_keeps_how_when_and_from_where_it_was_opened(api: Api) -> None:
    await register(api.client())
    client = api.client(**{"User-Agent": "x" * 300})
    await client.post("/login", json=RIGHT)
    ((session_id,),) = await api.sql("SELECT id FROM sessions")
    session = await api.services[Database].read(lambda uow: uow.sessions.get(UUID(str(session_id))))
    assert session is not None
    assert (session.amr, session.auth_time) == (["pwd"], api.clock())
    assert (session.address, session.user_agent) == ("203.0.113.7", "x" * 256)


async def test_access_tokens_state_how_and_when_the_user_signed_in_also_after_a_refresh(api: Api) -> None:
    await register(api.client())
    client = api.client()
    signed_in_at = int(api.clock().timestamp())
    first = claims_of(await client.post("/login", json=RIGHT))
    api.clock.advance(60)
    second = claims_of(await client.post("/refresh"))
    assert (first["amr"], first["auth_time"]) == (["pwd"], signed_in_at)
    assert (second["amr"], second["auth_time"]) == (["pwd"], signed_in_at)
    assert second["iat"] == signed_in_at + 60


async def test_a_session_of_an_earlier_version_counts_as_opened_by_a_password_when_it_was_created(api: Api) -> None:
    await register(api.client())
    client = api.client()
    first = claims_of(await client.post("/login", json=RIGHT))
    await api.sql("UPDATE sessions SET amr = NULL, auth_time = NULL, address = NULL, user_agent = NULL")
    refreshed = claims_of(await client.post("/refresh"))
    assert (refreshed["amr"], refreshed["auth_time"]) == (["pwd"], first["auth_time"])


async def test_an_access_token_of_an_earlier_version_is_accepted(api: Api, alice: httpx.AsyncClient) -> None:
    token = alice.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    earlier = {name: value for name, value in claims.items() if name not in ("amr", "auth_time")}
    old = jwt.encode(earlier, JWT_SECRET, headers={"typ": "at+jwt"})
    for path in ("/profile", "/api/account"):
        assert (await api.client().get(path, headers={"Authorization": f"Bearer {old}"})).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "changed", ({"amr": ["pwd", "otp"]}, {"auth_time": 2**40}, {"amr": "pwd"}, {"auth_time": "now"}, {"amr": []})
)
async def test_an_access_token_that_states_another_sign_in_than_its_session_is_refused(
    api: Api, alice: httpx.AsyncClient, changed: dict[str, Any]
) -> None:
    token = alice.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims | changed, JWT_SECRET, headers={"typ": "at+jwt"})
    response = await api.client().get("/profile", headers={"Authorization": f"Bearer {forged}"})
    assert error_of(response) == (401, "token_invalid", "Invalid token")


async def test_a_user_without_a_password_is_refused_like_an_unknown_one(api: Api) -> None:
    await register(api.client())
    await api.sql("UPDATE users SET password_hash = NULL")
    for password in (PASSWORD, "", "None"):
        response = await log_in(api, {"username": "alice", "password": password or "x"})
        assert error_of(response) == (401, "invalid_credentials", "Invalid credentials")
    assert (await api.event_types())[-1] == "login.failed"


async def test_a_proof_for_a_user_who_was_disabled_meanwhile_opens_no_session(api: Api) -> None:
    await register(api.client())
    user_id, yesterday = (await api.user()).id, api.clock() - timedelta(days=1)
    await api.services[Database].write(lambda uow: uow.users.set_disabled(user_id, yesterday))
    assert error_of(await log_in(api)) == (401, "invalid_credentials", "Invalid credentials")
