import asyncio

import httpx
import pytest

from tests.conftest import RunApi
from tests.support.api import PASSWORD, Api, refusal, register, sign_in
from tests.support.redis import OwnRedis

# Every place to count in, and both databases.
pytestmark = pytest.mark.parametrize(
    ("database_url", "place"),
    (("sqlite", "database"), ("postgresql", "database"), ("sqlite", "memory"), ("postgresql", "redis")),
    indirect=True,
)

LIMITED = (429, "too_many_attempts", "Too many login attempts. Try again later.")
RIGHT = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "not the password"}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    if request.param != "redis":
        return f"{request.param}://"
    redis: OwnRedis = request.getfixturevalue("redis")
    return redis.uri


@pytest.fixture
def run_api(run_api: RunApi, place: str) -> RunApi:
    return lambda **overrides: run_api(**({"rate_limit_enabled": True, "rate_limit_storage_uri": place} | overrides))


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


async def attempts(client: httpx.AsyncClient, count: int, body: dict[str, str], path: str = "/login") -> list[int]:
    return [(await client.post(path, json=body)).status_code for _ in range(count)]


async def test_the_eleventh_login_from_an_address_is_refused_and_told_when_to_come_back(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        assert await attempts(client, 10, {"username": "nobody", "password": "x"}) == [401] * 10
        response = await client.post("/login", json=RIGHT)
        assert refusal(response) == LIMITED
        assert 0 < int(response.headers["retry-after"]) <= 15 * 60


async def test_of_many_logins_at_once_ten_are_tried(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        answers = await asyncio.gather(
            *(client.post("/login", json={"username": f"user{n}", "password": "x"}) for n in range(25))
        )
        assert statuses(answers) == [401] * 10 + [429] * 15


@pytest.mark.parametrize(
    "request_",
    (
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"username=alice", "headers": {"Content-Type": "text/plain"}},
        {"json": {"username": 5}},
        {"json": {}},
    ),
)
async def test_a_malformed_attempt_counts_too(run_api: RunApi, request_: dict[str, object]) -> None:
    async with run_api() as api:
        client = api.client()
        for _ in range(10):
            assert (await client.post("/login", **request_)).status_code in {400, 415}  # type: ignore[arg-type]
        assert refusal(await client.post("/login", json=RIGHT)) == LIMITED


async def test_the_token_endpoint_shares_the_limit_of_login(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        await attempts(client, 10, {"username": "nobody", "password": "x"})
        response = await client.post("/token", data={"grant_type": "password", "username": "a", "password": "b"})
        assert refusal(response) == LIMITED
        refreshes = [await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": "a.b.c"})]
        assert statuses(refreshes) == [400]


async def test_registrations_have_a_limit_of_their_own(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        await register(client)
        assert await attempts(client, 10, RIGHT, "/register") == [409] * 9 + [429]
        await sign_in(client)


async def test_refreshes_have_a_limit(run_api: RunApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.web.rate_limits.REFRESH_LIMIT", "3/minute")
    async with run_api() as api:
        client = api.client()
        assert [(await client.post("/refresh")).status_code for _ in range(4)] == [401, 401, 401, 429]


async def test_another_address_has_another_limit(run_api: RunApi) -> None:
    async with run_api() as api:
        await attempts(api.client("203.0.113.7"), 11, {"username": "nobody", "password": "x"})
        assert await attempts(api.client("203.0.113.8"), 1, {"username": "somebody", "password": "x"}) == [401]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    (
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 429),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 401),
        ("::ffff:203.0.113.7", "203.0.113.7", 429),
        ("not an address", "neither", 429),
    ),
)
async def test_ipv6_is_counted_by_subscriber(run_api: RunApi, first: str, second: str, status: int) -> None:
    async with run_api(login_rate_limit="1/hour") as api:
        await attempts(api.client(first), 1, {"username": "nobody", "password": "x"})
        assert await attempts(api.client(second), 1, {"username": "somebody", "password": "x"}) == [status]


@pytest.mark.parametrize("header", ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"))
async def test_no_header_of_a_stranger_changes_the_address(run_api: RunApi, header: str) -> None:
    async with run_api(login_rate_limit="1/hour") as api:
        client = api.client()
        answers = []
        for n in range(3):
            body = {"username": f"user{n}", "password": "x"}
            answers.append(await client.post("/login", json=body, headers={header: f"192.0.2.{n}"}))
        assert statuses(answers) == [401, 429, 429]


@pytest.mark.parametrize("proxy_address", ("10.0.0.1", "::ffff:10.0.0.1"))
async def test_behind_a_trusted_proxy_the_rightmost_untrusted_address_counts(
    run_api: RunApi, proxy_address: str
) -> None:
    async with run_api(login_rate_limit="1/hour", trusted_proxies="10.0.0.0/8") as api:
        proxy = api.client(proxy_address)

        async def login(forwarded: str, name: str) -> int:
            body = {"username": name, "password": "x"}
            return (await proxy.post("/login", json=body, headers={"X-Forwarded-For": forwarded})).status_code

        assert await login("192.0.2.1", "one") == 401
        assert await login("192.0.2.1", "two") == 429
        assert await login("198.51.100.9, 192.0.2.1, 10.0.0.2", "three") == 429
        assert await login("192.0.2.2", "four") == 401


async def test_what_a_trusted_proxy_passes_on_need_be_no_address(run_api: RunApi) -> None:
    async with run_api(trusted_proxies="10.0.0.1") as api:
        client = api.client("10.0.0.1", **{"X-Forwarded-For": "x" * 1000})
        await client.post("/login", json={"username": "nobody", "password": "x"})
        assert [event.address for event in await api.events(None)] == ["x" * 64]


async def fail_on_alice(api: Api, times: int, start: int = 1) -> list[int]:
    """Guess alice's password, each time from another address and with another spelling of the name."""
    answers = []
    for n in range(times):
        body = WRONG | {"username": ("alice", "ALICE", "Alice")[n % 3]}
        answers.append(await api.client(f"198.51.100.{start + n}").post("/login", json=body))
    return [answer.status_code for answer in answers]


async def test_an_account_has_a_limit_whatever_the_addresses_and_spellings(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        assert await fail_on_alice(api, 12) == [401] * 10 + [429] * 2
        assert refusal(await api.client("192.0.2.1").post("/login", json=RIGHT)) == LIMITED
        assert 'jwtapi_logins_total{outcome="throttled"} 3.0' in api.resources.metrics.exposition().decode()


async def test_a_name_that_nobody_has_is_limited_alike(run_api: RunApi) -> None:
    async with run_api() as api:
        answers = [
            await api.client(f"198.51.100.{n}").post("/login", json={"username": "nobody", "password": "x"})
            for n in range(12)
        ]
        assert statuses(answers) == [401] * 10 + [429] * 2


async def test_a_browser_that_has_signed_in_before_cannot_be_locked_out(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        await fail_on_alice(api, 12)
        assert (await owner.post("/login", json=RIGHT)).status_code == 200


async def test_that_browser_has_a_limit_too(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        cookies = dict(owner.cookies)
        answers = []
        for n in range(11):
            client = api.client(f"198.51.100.{n}")
            client.cookies.update(cookies)
            answers.append(await client.post("/login", json=WRONG))
        assert statuses(answers) == [401] * 10 + [429]


async def test_the_mark_of_another_account_or_a_forged_one_counts_for_nothing(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        mallory = await api.signed_in("mallory")
        await fail_on_alice(api, 10)
        assert refusal(await mallory.post("/login", json=RIGHT)) == LIMITED
        forged = api.client("192.0.2.1", Cookie="refreshTokenDevice=a.b.c")
        assert refusal(await forged.post("/login", json=RIGHT)) == LIMITED


async def test_a_success_forgets_the_failures(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        assert await fail_on_alice(api, 9) == [401] * 9
        await sign_in(api.client("192.0.2.1"))
        assert await fail_on_alice(api, 9, start=100) == [401] * 9


async def test_the_window_moves_on(run_api: RunApi, place: str) -> None:
    if not place.startswith("database"):
        pytest.skip("the library's own places go by the clock of the machine")
    async with run_api(login_rate_limit="3/hour") as api:
        await register(api.client())
        assert await fail_on_alice(api, 2) == [401] * 2
        api.clock.advance(1800)
        assert await fail_on_alice(api, 2, start=10) == [401, 429]
        api.clock.advance(1801)
        assert await fail_on_alice(api, 3, start=20) == [401, 401, 429]
