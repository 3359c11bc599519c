import asyncio
import hmac
from base64 import urlsafe_b64encode
from pathlib import Path
from uuid import UUID

import httpx
import jwt
import pytest

from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import Session
from tests.conftest import JWT_SECRET, REFRESH_SECRET, RunApi, on_sqlite
from tests.support.api import BASE_URL, Api, error_of, sign_in

REFUSED = (403, "refresh_token_invalid", "Invalid refresh token")
GRACE = 10
DAY = 24 * 3600


async def refresh(api: Api, token: str) -> httpx.Response:
    """Show a refresh token in a cookie, whatever cookies anybody has."""
    return await api.client(Cookie=f"refreshToken={token}").post("/refresh")


async def use_access_token(api: Api, answer: httpx.Response) -> httpx.Response:
    """Show that the answer to a refresh has arrived."""
    return await api.client(Authorization=f"Bearer {answer.json()['accessToken']}").get("/profile")


async def session_of(api: Api, username: str = "alice") -> Session:
    """The session that the user opened last."""
    session_id = (await api.events(username))[-1].session_id
    assert session_id is not None
    session = await api.services[Database].read(lambda uow: uow.sessions.get(session_id))
    assert session is not None
    return session


def successor(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    token = response.cookies["refreshToken"]
    assert token
    return token


@pytest.fixture
async def token(alice: httpx.AsyncClient) -> str:
    return alice.cookies["refreshToken"]


async def test_a_refresh_gives_a_new_access_token_and_the_next_refresh_token(api: Api, token: str) -> None:
    response = await refresh(api, token)
    assert response.json().keys() == {"accessToken", "tokenType", "expiresIn"}
    assert successor(response) != token
    profile = await api.client(Authorization=f"Bearer {response.json()['accessToken']}").get("/profile")
    assert profile.json() == {"username": "alice"}


async def test_a_refresh_without_a_cookie_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/refresh")
    assert error_of(response) == (401, "refresh_token_required", "Refresh token required")
    assert response.headers["www-authenticate"] == 'Bearer realm="jwtapi"'


@on_sqlite
@pytest.mark.parametrize("forged", ("not-a-token", "a.b.c", "…", "x" * 5000))
async def test_a_refresh_with_a_malformed_token_is_refused(api: Api, forged: str) -> None:
    response = await api.client().post("/refresh", headers={b"Cookie": b"refreshToken=" + forged.encode()})
    assert error_of(response) == REFUSED


async def test_an_access_token_is_no_refresh_token(api: Api, alice: httpx.AsyncClient) -> None:
    access_token = alice.headers["Authorization"].removeprefix("Bearer ")
    assert error_of(await refresh(api, access_token)) == REFUSED


async def test_within_the_grace_a_used_token_gets_the_same_successor(api: Api, token: str) -> None:
    first = successor(await refresh(api, token))
    api.clock.advance(GRACE)
    assert successor(await refresh(api, token)) == first
    assert "session.refresh_token_reused" not in await api.event_types()


@pytest.mark.parametrize("use", ("its access token", "its refresh token"))
async def test_once_the_successor_was_used_its_predecessor_ends_the_session_after_the_grace(
    api: Api, alice: httpx.AsyncClient, token: str, use: str
) -> None:
    answer = await refresh(api, token)
    if use == "its access token":
        assert (await use_access_token(api, answer)).status_code == 200
    else:
        successor(await refresh(api, successor(answer)))
    api.clock.advance(GRACE + 0.001)
    assert error_of(await refresh(api, token)) == REFUSED
    assert error_of(await refresh(api, successor(answer))) == REFUSED
    for access_token in (alice.headers["Authorization"], f"Bearer {answer.json()['accessToken']}"):
        response = await api.client(Authorization=access_token).get("/profile")
        assert error_of(response) == (401, "token_invalid", "Invalid token")
    assert (await api.event_types())[-2:] == ["session.revoked", "session.refresh_token_reused"]


@pytest.mark.parametrize("seconds", (GRACE + 1, DAY, 6 * DAY))
async def test_a_refresh_whose_answer_was_lost_can_be_repeated_at_any_time(
    api: Api, token: str, seconds: float
) -> None:
    lost = successor(await refresh(api, token))
    for _ in range(3):  # and the answers to the first retries are lost too
        api.clock.advance(seconds / 3)
        retried = await refresh(api, token)
        assert successor(retried) == lost
    assert (await use_access_token(api, retried)).status_code == 200
    assert (await refresh(api, lost)).status_code == 200
    assert "session.refresh_token_reused" not in await api.event_types()


async def test_the_arrival_of_a_token_is_stored_for_the_other_workers(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        alice = await one.signed_in()
        token = alice.cookies["refreshToken"]
        await use_access_token(one, await refresh(one, token))
        while await one.sql("SELECT arrived_generation FROM sessions") != [(1,)]:
            await asyncio.sleep(0.01)
        one.clock.advance(GRACE + 1)
        assert error_of(await refresh(another, token)) == REFUSED


async def test_the_arrival_of_a_token_is_stored_once(api: Api, token: str) -> None:
    answers = [await refresh(api, token) for _ in range(2)]
    noted = api.services[Arrivals].noted
    session_id = (await session_of(api)).id
    await use_access_token(api, answers[0])
    assert noted(session_id) == 1
    while noted(session_id):
        await asyncio.sleep(0.01)
    for answer in answers:
        await use_access_token(api, answer)
        assert noted(session_id) == 0


async def test_two_generations_in_a_row_are_not_issued_again_after_the_grace(api: Api, token: str) -> None:
    """Somebody who shows each predecessor late would follow a session whose access tokens are checked elsewhere."""
    owners = successor(await refresh(api, token))
    api.clock.advance(GRACE + 1)
    followers = successor(await refresh(api, token))
    assert followers == owners
    owners = successor(await refresh(api, owners))
    api.clock.advance(GRACE + 1)
    assert error_of(await refresh(api, followers)) == REFUSED
    assert error_of(await refresh(api, owners)) == REFUSED


async def test_after_a_generation_in_time_the_next_one_can_be_issued_again_after_the_grace(
    api: Api, token: str
) -> None:
    for late in (True, False, True):
        following = successor(await refresh(api, token))
        if late:
            api.clock.advance(GRACE + 1)
            assert successor(await refresh(api, token)) == following
        token = following


async def test_a_burst_of_tabs_two_generations_late_gets_the_present_token(api: Api, token: str) -> None:
    second = successor(await refresh(api, token))
    api.clock.advance(GRACE / 2)
    third = successor(await refresh(api, second))
    api.clock.advance(GRACE / 2)
    assert successor(await refresh(api, token)) == third
    api.clock.advance(0.001)
    assert error_of(await refresh(api, token)) == REFUSED
    assert error_of(await refresh(api, third)) == REFUSED


async def test_three_generations_late_is_reuse_even_in_a_burst(api: Api, token: str) -> None:
    latest = token
    for _ in range(3):
        latest = successor(await refresh(api, latest))
    assert error_of(await refresh(api, token)) == REFUSED
    assert error_of(await refresh(api, latest)) == REFUSED


@pytest.mark.parametrize("generations", (1, 2))
async def test_setting_the_clock_back_does_not_lengthen_the_grace(api: Api, token: str, generations: int) -> None:
    latest = token
    for _ in range(generations):
        answer = await refresh(api, latest)
        latest = successor(answer)
    await use_access_token(api, answer)
    api.clock.advance(-20)
    assert error_of(await refresh(api, token)) == REFUSED


async def test_two_servers_whose_clocks_differ_a_little_serve_the_same_burst(api: Api, token: str) -> None:
    answer = await refresh(api, token)
    await use_access_token(api, answer)
    api.clock.advance(-1)
    assert successor(await refresh(api, token)) == successor(answer)


async def test_of_two_refresh_cookies_with_the_same_name_the_valid_one_is_used(api: Api, token: str) -> None:
    old = token
    for _ in range(3):
        answer = await refresh(api, token)
        await use_access_token(api, answer)
        token = successor(answer)
    api.clock.advance(GRACE + 1)
    for cookies in ((old, token), ("forged", token), (token, old)):
        header = "; ".join(f"refreshToken={value}" for value in cookies)
        token = successor(await api.client(Cookie=header).post("/refresh"))


async def test_a_good_cookie_of_another_session_hides_no_reuse(api: Api, token: str) -> None:
    thief = await api.signed_in("mallory")
    api.clock.advance(2)
    stolen = successor(await refresh(api, token))
    present = successor(await refresh(api, stolen))
    successor(await refresh(api, present))
    api.clock.advance(GRACE + 1)
    cookies = f"refreshToken={stolen}; refreshToken={thief.cookies['refreshToken']}"
    answer = await api.client(Cookie=cookies).post("/refresh")
    assert answer.status_code == 200  # of the thief's own session
    assert error_of(await refresh(api, present)) == REFUSED
    assert (await api.event_types())[-1] == "session.refresh_token_reused"


async def test_reuse_leaves_other_sessions_of_the_user_alone(api: Api, token: str) -> None:
    other = await sign_in(api.client())
    await use_access_token(api, await refresh(api, token))
    api.clock.advance(GRACE + 1)
    assert error_of(await refresh(api, token)) == REFUSED
    assert (await other.get("/profile")).status_code == 200


async def test_fifty_refreshes_at_once_give_one_successor_and_one_row(api: Api, token: str) -> None:
    answers = await asyncio.gather(*(refresh(api, token) for _ in range(50)))
    assert len({successor(answer) for answer in answers}) == 1
    assert (await session_of(api)).generation == 1


async def test_refreshing_does_not_grow_the_tables(api: Api, token: str) -> None:
    rows = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sessions), (SELECT count(*) FROM events)"
    before = await api.sql(rows)
    for _ in range(20):
        token = successor(await refresh(api, token))
    assert await api.sql(rows) == before == [(1, 1, 2)]


async def test_a_session_lives_on_while_it_is_used(api: Api, token: str) -> None:
    for _ in range(4):
        api.clock.advance(6 * DAY)
        token = successor(await refresh(api, token))


async def test_a_session_that_is_not_used_for_seven_days_has_ended(api: Api, token: str) -> None:
    api.clock.advance(7 * DAY)
    assert error_of(await refresh(api, token)) == REFUSED


async def test_a_session_ends_after_thirty_days_even_if_it_is_used(api: Api, token: str) -> None:
    for _ in range(5):
        api.clock.advance(5 * DAY + 1)
        token = successor(await refresh(api, token))
    api.clock.advance(3 * DAY)
    response = await refresh(api, token)
    cookie = next(line for line in response.headers.get_list("set-cookie") if line.startswith("refreshToken="))
    assert f"Max-Age={2 * DAY - 5}" in cookie
    api.clock.advance(2 * DAY)
    assert error_of(await refresh(api, successor(response))) == REFUSED


async def test_the_secret_alone_forges_no_token(api: Api, token: str) -> None:
    claims = jwt.decode(token, REFRESH_SECRET, ["HS256"])
    forged = jwt.encode(claims | {"gen": 1, "prf": "A" * 43}, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    assert error_of(await refresh(api, forged)) == REFUSED
    assert (await refresh(api, token)).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "change", ({"jti": "another"}, {"iat": 1}, {"exp": 2**40}, {"gen": 1}, {"nbf": 1}, {"sub": str(UUID(int=1))})
)
async def test_the_secret_alone_changes_no_claim(api: Api, token: str, change: dict[str, object]) -> None:
    claims = jwt.decode(token, REFRESH_SECRET, ["HS256"])
    forged = jwt.encode(claims | change, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    assert error_of(await refresh(api, forged)) == REFUSED
    assert (await refresh(api, token)).status_code == 200


@pytest.mark.parametrize(("extra", "status"), (({}, 200), ({"jti": "another"}, 403)))
async def test_a_token_of_the_first_builds_is_exchanged_for_one_of_today(
    api: Api, token: str, extra: dict[str, str], status: int
) -> None:
    key = (await session_of(api)).key
    claims = jwt.decode(token, REFRESH_SECRET, ["HS256"])
    digest = hmac.digest(key, f"{claims['sid']}.{claims['gen']}".encode(), "sha256")
    claims |= {"prf": urlsafe_b64encode(digest).decode().rstrip("=")} | extra
    former = jwt.encode(claims, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    assert (await refresh(api, former)).status_code == status


async def test_a_refresh_token_of_a_session_that_never_existed_is_refused(api: Api, token: str) -> None:
    claims = jwt.decode(token, REFRESH_SECRET, ["HS256"]) | {"sid": "00000000-0000-4000-8000-000000000000"}
    forged = jwt.encode(claims, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    assert error_of(await refresh(api, forged)) == REFUSED


@on_sqlite
async def test_the_database_holds_no_token(token: str, api: Api, tmp_path: Path) -> None:
    await refresh(api, token)
    await api.services[Database].close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("test.db*"))
    assert token.encode() not in stored
    assert jwt.decode(token, REFRESH_SECRET, ["HS256"])["prf"].encode() not in stored


async def test_a_disabled_user_cannot_refresh(api: Api, token: str) -> None:
    await api.disable()
    assert error_of(await refresh(api, token)) == REFUSED


async def test_a_user_who_was_disabled_by_sql_cannot_refresh_although_the_session_lives(api: Api, token: str) -> None:
    await api.sql("UPDATE users SET disabled_at = created_at")
    assert error_of(await refresh(api, token)) == REFUSED


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    ),
)
async def test_a_page_of_another_origin_cannot_refresh(alice: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in ("/refresh", "/logout"):
        assert error_of(await alice.post(path, headers=headers))[:2] == (403, "cross_origin_refused")
    assert (await alice.post("/refresh")).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    (
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://whatever.the.proxy.made.of.it"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": BASE_URL},
    ),
)
async def test_a_page_of_the_servers_own_origin_can_refresh(alice: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await alice.post("/refresh", headers=headers)).status_code == 200


async def test_a_page_of_an_origin_in_the_settings_can_refresh(run_api: RunApi) -> None:
    async with run_api(cors_origins="https://app.example") as api:
        alice = await api.signed_in()
        response = await alice.post(
            "/refresh", headers={"Origin": "https://app.example", "Sec-Fetch-Site": "same-site"}
        )
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert response.headers["access-control-allow-credentials"] == "true"
        assert jwt.decode(response.json()["accessToken"], JWT_SECRET, ["HS256"])["username"] == "alice"
