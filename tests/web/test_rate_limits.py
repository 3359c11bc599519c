import asyncio
import hmac
from hashlib import sha256
from typing import Any

import bcrypt
import httpx
import jwt
import pytest
from redis.asyncio import Redis

from jwtapi.errors import StorageUnavailable
from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.storage import RateLimitStorage
from jwtapi.security.passwords import PasswordHasher
from tests.conftest import REFRESH_SECRET, RunApi
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.redis import OwnRedis

# Every place to count in, and both databases.
pytestmark = pytest.mark.parametrize(
    ("database_url", "place"),
    (("sqlite", "database"), ("postgresql", "database"), ("sqlite", "memory"), ("postgresql", "redis")),
    indirect=True,
)

LIMITED = (429, "too_many_attempts", "Too many login attempts. Try again later.")
SPARING = {"login_rate_limit_spares_success": True}
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
        assert error_of(response) == LIMITED
        assert 0 < int(response.headers["retry-after"]) <= 15 * 60


@pytest.mark.parametrize(("own", "let_in"), ((None, 3), ("1/hour", 1)))
async def test_registrations_are_limited_as_logins_unless_they_have_a_limit_of_their_own(
    run_api: RunApi, own: str | None, let_in: int
) -> None:
    async with run_api(login_rate_limit="3/hour", register_rate_limit=own) as api:
        await register(api.client("198.51.100.1"))
        assert await attempts(api.client(), 4, RIGHT, "/register") == [409] * let_in + [429] * (4 - let_in)


async def test_of_many_simultaneous_logins_ten_are_tried(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        answers = await asyncio.gather(
            *(client.post("/login", json={"username": f"user{n}", "password": "x"}) for n in range(25))
        )
        assert statuses(answers) == [401] * 10 + [429] * 15


async def test_a_malformed_login_counts(run_api: RunApi) -> None:
    malformed: tuple[dict[str, Any], ...] = (
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"username=alice", "headers": {"Content-Type": "text/plain"}},
        {"json": {"username": 5}},
        {"json": {}},
    )
    async with run_api() as api:
        for number, request_ in enumerate(malformed):
            client = api.client(f"203.0.113.{number}")
            for _ in range(10):
                assert (await client.post("/login", **request_)).status_code in {400, 415}, request_
            assert error_of(await client.post("/login", json=RIGHT)) == LIMITED, request_


async def test_the_token_endpoint_shares_the_limit_of_login(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        await attempts(client, 10, {"username": "nobody", "password": "x"})
        response = await client.post("/token", data={"grant_type": "password", "username": "a", "password": "b"})
        assert error_of(response) == LIMITED
        refreshes = [await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": "a.b.c"})]
        assert statuses(refreshes) == [400]


async def test_registrations_have_a_limit_of_their_own(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        await register(client)
        assert await attempts(client, 10, RIGHT, "/register") == [409] * 9 + [429]
        await sign_in(client)


async def test_a_malformed_registration_does_not_count(run_api: RunApi) -> None:
    async with run_api(password_blocklist=True) as api:
        client = api.client()
        malformed: tuple[dict[str, Any], ...] = (
            {"json": {}},
            {"json": {"username": "a", "password": 5}},
            {"json": {"username": "no spaces", "password": PASSWORD}},
            {"json": {"username": "alice", "password": "short"}},
            {"json": {"username": "alice", "password": "x" * 1025}},
            {"content": b"{", "headers": {"Content-Type": "application/json"}},
            {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
        )
        for request_ in malformed:
            for _ in range(3):
                assert (await client.post("/register", **request_)).status_code in {400, 415}
        # These cost a hash, an assessment, or tell that a name is taken.
        assert await attempts(client, 1, RIGHT, "/register") == [201]
        assert await attempts(client, 4, RIGHT | {"password": "passwordpassword"}, "/register") == [409] * 4
        common = {"username": "bob", "password": "passwordpassword"}
        assert await attempts(client, 6, common, "/register") == [400] * 5 + [429]
        assert await attempts(client, 1, {"username": "bob", "password": "short"}, "/register") == [400]


async def test_the_refusal_of_each_limit_names_what_is_limited(run_api: RunApi) -> None:
    one_each = dict.fromkeys(("login_rate_limit", "register_rate_limit", "refresh_rate_limit"), "1/hour")
    async with run_api(**one_each) as api:
        client = api.client()
        for path, body in (("/register", RIGHT), ("/login", RIGHT), ("/refresh", None)):
            assert (await client.post(path, json=body)).status_code < 300
        registered, signed_in, refreshed = [
            error_of(await client.post(path, json=RIGHT)) for path in ("/register", "/login", "/refresh")
        ]
        assert registered == (429, "too_many_attempts", "Too many registrations. Try again later.")
        assert signed_in == LIMITED
        assert refreshed == (429, "too_many_attempts", "Too many requests. Try again later.")
        with_token = await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": "a.b.c"})
        assert error_of(with_token) == refreshed


async def test_each_limit_has_a_setting_of_its_own(run_api: RunApi) -> None:
    names = ("account_rate_limit", "login_rate_limit", "register_rate_limit", "refresh_rate_limit")
    async with run_api(**{name: f"{amount}/hour" for amount, name in enumerate(names, 1)}) as api:
        client = api.client()
        names_to_take = [{"username": f"user{n}", "password": PASSWORD} for n in range(4)]
        registrations = [await attempts(client, 1, body, "/register") for body in names_to_take]
        assert registrations == [[201], [201], [201], [429]]
        assert await attempts(client, 3, {"username": "user0", "password": "x"}) == [401, 429, 429]
        assert await attempts(api.client("203.0.113.8"), 1, {"username": "user0", "password": "x"}) == [429]
        assert await attempts(api.client("203.0.113.8"), 1, {"username": "user1", "password": "x"}) == [401]
        assert [(await client.post("/refresh")).status_code for _ in range(5)] == [401] * 4 + [429]


async def test_in_development_successful_logins_count_against_the_limit(run_api: RunApi) -> None:
    async with run_api() as api:
        client = api.client()
        await register(client)
        assert await attempts(client, 11, RIGHT) == [200] * 10 + [429]


async def test_successful_logins_from_a_shared_address_are_not_limited(run_api: RunApi) -> None:
    async with run_api(**SPARING) as api:
        client = api.client()
        await register(client)
        assert await attempts(client, 12, RIGHT) == [200] * 12
        form = {"grant_type": "password", **RIGHT}
        assert [(await client.post("/token", data=form)).status_code for _ in range(12)] == [200] * 12


async def test_a_successful_login_takes_back_its_own_count_and_no_other(run_api: RunApi) -> None:
    async with run_api(**SPARING) as api:
        attacker = api.client()
        await register(attacker, "mallory")
        mallory = {"username": "mallory", "password": PASSWORD}
        guesses = []
        for n in range(9):
            guesses += await attempts(attacker, 1, {"username": f"victim{n}", "password": "x"})
            guesses += await attempts(attacker, 2, mallory)
        assert guesses == [401, 200, 200] * 9
        assert await attempts(attacker, 2, {"username": "victim", "password": "x"}) == [401, 429]
        assert await attempts(attacker, 3, mallory) == [429] * 3
        assert await attempts(attacker, 1, {"username": "victim", "password": "x"}) == [429]


async def test_of_many_simultaneous_wrong_logins_ten_are_tried_where_successes_do_not_count(run_api: RunApi) -> None:
    async with run_api(**SPARING) as api:
        client = api.client()
        await register(client)
        await sign_in(client)
        answers = await asyncio.gather(
            *(client.post("/login", json={"username": f"user{n}", "password": "x"}) for n in range(40))
        )
        assert statuses(answers) == [401] * 10 + [429] * 30


async def test_a_login_beside_ten_unfinished_ones_is_told_to_come_back_within_two_seconds(run_api: RunApi) -> None:
    async with run_api(**SPARING) as api:
        pupils = [{"username": f"pupil{n}", "password": PASSWORD} for n in range(12)]
        for n, pupil in enumerate(pupils):
            await register(api.client(f"198.51.100.{n}"), **pupil)
        client = api.client()
        answers = await asyncio.gather(*(client.post("/login", json=pupil) for pupil in pupils))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert statuses(answers)[:10] == [200] * 10
        for answer in refused:
            assert int(answer.headers["retry-after"]) <= 2
            assert answer.headers["ratelimit"] == f'"login";r=0;t={answer.headers["retry-after"]}'
        # And nothing that was remembered of the refusal outlives the reason for it.
        assert await attempts(client, 3, pupils[0]) == [200] * 3


async def test_a_count_that_one_process_takes_back_lets_another_process_admit_a_login(
    run_api: RunApi, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.startswith("memory"):
        pytest.skip("each counts by itself")
    async with run_api(**SPARING) as one, run_api(**SPARING) as another:
        await register(one.client())
        assert await attempts(one.client(), 9, {"username": "nobody", "password": "x"}) == [401] * 9
        check = one.services[PasswordHasher].verify
        meanwhile = []

        async def verify(password: str, password_hash: str | None) -> bool:
            meanwhile.append(await another.client().post("/login", json=RIGHT))
            return await check(password, password_hash)

        monkeypatch.setattr(type(one.services[PasswordHasher]), "verify", lambda _, *given: verify(*given))
        assert await attempts(one.client(), 1, RIGHT) == [200]
        monkeypatch.undo()
        assert statuses(meanwhile) == [429]
        async with asyncio.timeout(10):  # it looks again a second after it has refused
            while await attempts(another.client(), 1, RIGHT) == [429]:
                await asyncio.sleep(0.05)
        assert await attempts(another.client(), 1, RIGHT) == [200]


async def test_a_login_succeeds_although_its_count_cannot_be_taken_back(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(**SPARING) as api:
        client = api.client()
        await register(client)

        async def fail(*_: object) -> None:
            raise StorageUnavailable

        for method in ("release", "clear"):
            monkeypatch.setattr(type(rate_limit_storage(api)), method, fail)
        assert await attempts(client, 11, RIGHT) == [200] * 10 + [429]


def standing(response: httpx.Response) -> tuple[str, str]:
    return response.headers["ratelimit-policy"], response.headers["ratelimit"]


async def test_answers_have_the_ratelimit_headers_of_the_address(run_api: RunApi) -> None:
    limits = {
        "login_rate_limit": "3/15 minutes",
        "register_rate_limit": "10/15 minutes",
        "refresh_rate_limit": "3/hour",
    }
    async with run_api(**limits, **SPARING) as api:
        client = api.client()
        assert standing(await client.post("/register", json=RIGHT)) == (
            '"register";q=10;w=900',
            '"register";r=9;t=900',
        )
        policy = '"login";q=3;w=900'
        answers = [await client.post("/login", json=body) for body in (WRONG, RIGHT, {"username": 5}, WRONG, RIGHT)]
        assert [answer.status_code for answer in answers] == [401, 200, 400, 401, 429]
        assert [standing(answer) for answer in answers] == [
            (policy, f'"login";r={remaining};t=900') for remaining in (2, 2, 1, 0, 0)
        ]
        assert answers[-1].headers["retry-after"] == "900"
        refused = await client.post("/token", data={"grant_type": "password", **RIGHT})
        assert standing(refused) == (f'"refresh";q=3;w=3600, {policy}', '"refresh";r=2;t=3600, "login";r=0;t=900')
        assert [(await client.post("/refresh")).headers["ratelimit"] for _ in range(3)] == [
            f'"refresh";r={remaining};t=3600' for remaining in (1, 0, 0)
        ]
        for answer in (await client.post("/logout"), await client.get("/")):
            assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()


async def test_the_ratelimit_headers_do_not_reveal_whether_a_name_is_taken(run_api: RunApi) -> None:
    async with run_api(account_rate_limit="2/15 minutes") as api:
        await register(api.client())
        heads = []
        for name, address in (("alice", "198.51.100.1"), ("nobody", "198.51.100.2")):
            client = api.client(address, **{"X-Request-ID": "same"})
            answers = [await client.post("/login", json={"username": name, "password": "x"}) for _ in range(4)]
            heads.append([(answer.status_code, sorted(answer.headers.items())) for answer in answers])
        assert heads[0] == heads[1]
        assert [status for status, _ in heads[0]] == [401, 401, 429, 429]


async def test_answers_have_no_ratelimit_headers_where_limits_are_off(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=False) as api:
        response = await api.client().post("/login", json=WRONG)
        assert not {"ratelimit", "ratelimit-policy"} & response.headers.keys()


async def test_pages_of_allowed_origins_can_read_the_ratelimit_headers(run_api: RunApi) -> None:
    async with run_api(cors_origins="https://app.example") as api:
        response = await api.client(Origin="https://app.example").post("/login", json=WRONG)
        exposed = response.headers["access-control-expose-headers"].split(", ")
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


async def test_refreshes_have_a_limit(run_api: RunApi) -> None:
    async with run_api(refresh_rate_limit="3/minute") as api:
        client = api.client()
        assert [(await client.post("/refresh")).status_code for _ in range(4)] == [401, 401, 401, 429]


async def test_each_address_has_a_limit_of_its_own(run_api: RunApi) -> None:
    async with run_api() as api:
        await attempts(api.client("203.0.113.7"), 11, {"username": "nobody", "password": "x"})
        assert await attempts(api.client("203.0.113.8"), 1, {"username": "somebody", "password": "x"}) == [401]


async def test_ipv6_is_counted_by_subscriber(run_api: RunApi) -> None:
    async with run_api(login_rate_limit="1/hour") as api:
        for first, second, status in (
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 429),
            ("2001:db8:0:2::1", "2001:db8:0:3::1", 401),
            ("::ffff:203.0.113.7", "203.0.113.7", 429),
            ("not an address", "neither", 429),
        ):
            assert await attempts(api.client(first), 1, {"username": "nobody", "password": "x"}) == [401], first
            assert await attempts(api.client(second), 1, {"username": "somebody", "password": "x"}) == [status], first


async def test_x_forwarded_for_of_an_untrusted_client_is_ignored(run_api: RunApi) -> None:
    async with run_api(login_rate_limit="1/hour") as api:
        for address, header in enumerate(("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP")):
            client = api.client(f"203.0.113.{address}")
            answers = []
            for n in range(3):
                body = {"username": f"user{n}", "password": "x"}
                answers.append(await client.post("/login", json=body, headers={header: f"192.0.2.{n}"}))
            assert statuses(answers) == [401, 429, 429], header


async def test_behind_a_trusted_proxy_the_rightmost_untrusted_address_counts(run_api: RunApi) -> None:
    async with run_api(login_rate_limit="1/hour", trusted_proxies="10.0.0.0/8") as api:

        async def login(proxy_address: str, forwarded: str, name: str) -> int:
            proxy, body = api.client(proxy_address), {"username": name, "password": "x"}
            return (await proxy.post("/login", json=body, headers={"X-Forwarded-For": forwarded})).status_code

        for network, proxy in (("192.0.2", "10.0.0.1"), ("198.51.100", "::ffff:10.0.0.1")):
            assert await login(proxy, f"{network}.1", "one") == 401
            assert await login(proxy, f"{network}.1", "two") == 429
            assert await login(proxy, f"203.0.113.9, {network}.1, 10.0.0.2", "three") == 429
            assert await login(proxy, f"{network}.2", "four") == 401


async def test_client_addresses_that_cannot_be_parsed_share_one_bucket(run_api: RunApi) -> None:
    """It counts for the proxy that passed it on, as would a request without the header."""
    async with run_api(login_rate_limit="2/hour", trusted_proxies="10.0.0.1") as api:
        answers = []
        for n, forwarded in enumerate(("garbage", "_hidden", "x" * 1000, "192.0.2.1, unknown")):
            client = api.client("10.0.0.1", **{"X-Forwarded-For": forwarded})
            answers.append(await client.post("/login", json={"username": f"user{n}", "password": "x"}))
        assert statuses(answers) == [401, 401, 429, 429]
        assert [event.address for event in await api.events(None)] == ["10.0.0.1"] * 2


async def fail_on_alice(api: Api, times: int, start: int = 1) -> list[int]:
    """Guess alice's password, each time from another address and with another spelling of the name."""
    answers = []
    for n in range(times):
        body = WRONG | {"username": ("alice", "ALICE ", " Alice")[n % 3]}
        answers.append(await api.client(f"198.51.100.{start + n}").post("/login", json=body))
    return [answer.status_code for answer in answers]


async def test_failures_on_an_account_are_limited_over_all_addresses_and_spellings_of_the_name(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        assert await fail_on_alice(api, 12) == [401] * 10 + [429] * 2
        assert error_of(await api.client("192.0.2.1").post("/login", json=RIGHT)) == LIMITED
        assert 'jwtapi_logins_total{outcome="throttled"} 3.0' in api.services[Metrics].exposition().decode()


def rate_limit_storage(api: Api) -> RateLimitStorage:
    return api.services[RateLimiter]._storage  # noqa: SLF001  there is one of three classes


async def windows_of_failed_logins(api: Api, place: str) -> set[str]:
    """The stored keys, which start with whose failures they count."""
    if place.startswith("memory"):
        keys = list(rate_limit_storage(api)._windows)  # type: ignore[attr-defined]  # noqa: SLF001
    elif place.startswith("redis"):
        async with Redis.from_url(place, decode_responses=True) as redis:
            keys = await redis.keys("*")
    else:
        keys = [key for (key,) in await api.sql("SELECT key FROM rate_limits")]
    return {key.split("LIMITER/")[1].split("/")[0] for key in keys if "/account/" in key}


async def test_failed_logins_are_counted_by_user_id_and_those_of_no_user_by_name(run_api: RunApi, place: str) -> None:
    async with run_api() as api:
        user_id = (await register(api.client())).json()["id"]
        assert await fail_on_alice(api, 3) == [401] * 3
        assert await windows_of_failed_logins(api, place) == {f"user:{user_id}"}
        await attempts(api.client("192.0.2.1"), 1, {"username": "nobody", "password": "x"})
        (other,) = await windows_of_failed_logins(api, place) - {f"user:{user_id}"}
        assert other == f"name:{sha256(b'nobody').hexdigest()}"


async def rename_alice(api: Api) -> None:
    await api.sql("UPDATE users SET username = 'Carol', canonical_username = 'carol'")


async def test_a_user_who_gets_another_name_keeps_the_count_of_failed_logins(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        assert await fail_on_alice(api, 10) == [401] * 10
        await rename_alice(api)
        assert error_of(await api.client("192.0.2.1").post("/login", json=RIGHT | {"username": "carol"})) == LIMITED


async def test_a_user_who_gets_another_name_keeps_the_device_cookies(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        await fail_on_alice(api, 10)
        await rename_alice(api)
        assert (await owner.post("/login", json=RIGHT | {"username": "carol"})).status_code == 200


async def test_a_device_cookie_names_the_user_id_and_one_with_the_user_name_is_ignored(run_api: RunApi) -> None:
    async with run_api() as api:
        user_id = (await register(api.client())).json()["id"]
        ((password_hash,),) = await api.sql("SELECT password_hash FROM users")
        await fail_on_alice(api, 10)
        key = hmac.digest(REFRESH_SECRET.encode(), b"jwtapi device tokens", "sha256")
        now = int(api.clock().timestamp())
        for owner, status in (("alice", 429), (user_id, 200)):
            subject = hmac.new(key, f"{owner}\0{password_hash}".encode(), "sha256").hexdigest()
            claims = {"iss": "jwtapi", "sub": subject, "jti": "0" * 32, "iat": now, "exp": now + 3600}
            token = jwt.encode(claims, key, "HS256", headers={"typ": "dt+jwt"})
            browser = api.client("192.0.2.1", Cookie=f"refreshTokenDevice={token}")
            assert (await browser.post("/login", json=RIGHT)).status_code == status


async def test_an_unknown_user_name_has_the_same_limit_as_an_account(run_api: RunApi) -> None:
    async with run_api() as api:
        answers = [
            await api.client(f"198.51.100.{n}").post("/login", json={"username": "nobody", "password": "x"})
            for n in range(12)
        ]
        assert statuses(answers) == [401] * 10 + [429] * 2


async def test_failures_of_others_do_not_lock_out_a_browser_that_has_signed_in_before(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        await fail_on_alice(api, 12)
        assert (await owner.post("/login", json=RIGHT)).status_code == 200


async def test_a_second_device_cookie_does_not_hide_the_valid_one(run_api: RunApi) -> None:
    async with run_api() as api:
        mark = (await api.signed_in()).cookies["refreshTokenDevice"]
        await fail_on_alice(api, 12)
        for others in ("refreshTokenDevice=old; ", ""):
            owner = api.client("192.0.2.1", Cookie=f"{others}refreshTokenDevice={mark}; refreshTokenDevice=old")
            assert (await owner.post("/login", json=RIGHT)).status_code == 200


async def test_a_browser_that_has_signed_in_before_has_a_limit_of_its_own(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        cookies = dict(owner.cookies)
        answers = []
        for n in range(11):
            client = api.client(f"198.51.100.{n}")
            client.cookies.update(cookies)
            answers.append(await client.post("/login", json=WRONG))
        assert statuses(answers) == [401] * 10 + [429]


async def test_a_device_cookie_of_another_account_or_a_forged_one_is_ignored(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        mallory = await api.signed_in("mallory")
        await fail_on_alice(api, 10)
        assert error_of(await mallory.post("/login", json=RIGHT)) == LIMITED
        forged = api.client("192.0.2.1", Cookie="refreshTokenDevice=a.b.c")
        assert error_of(await forged.post("/login", json=RIGHT)) == LIMITED


async def guess_with(api: Api, cookies: list[dict[str, str]]) -> list[int]:
    """Guess alice's password ten times with each browser's cookies, each time from another address."""
    answers = []
    for n, of_one in enumerate(cookies):
        for m in range(10):
            client = api.client(f"198.51.{n}.{m}")
            client.cookies.update(of_one)
            answers.append((await client.post("/login", json=WRONG)).status_code)
    return answers


async def test_a_new_password_invalidates_the_device_cookies_of_all_browsers(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        old = [dict((await sign_in(api.client())).cookies) for _ in range(5)]
        await api.set_password(f"another {PASSWORD}")
        assert await guess_with(api, old) == [401] * 10 + [429] * 40
        owner = api.client("192.0.2.1")
        assert (await owner.post("/login", json=RIGHT | {"password": f"another {PASSWORD}"})).status_code == 429


async def test_a_device_cookie_does_not_hold_for_a_new_account_of_the_same_name(run_api: RunApi) -> None:
    async with run_api() as api:
        old = dict((await api.signed_in()).cookies)
        await api.delete()
        await register(api.client())
        assert await guess_with(api, [old, {}]) == [401] * 10 + [429] * 10


async def test_a_device_cookie_stays_valid_when_the_user_is_disabled_and_enabled(run_api: RunApi) -> None:
    async with run_api() as api:
        owner = await api.signed_in()
        await api.disable()
        await api.enable()
        await fail_on_alice(api, 10)
        assert (await owner.post("/login", json=RIGHT)).status_code == 200


async def test_a_login_that_renews_the_hash_sets_a_device_cookie(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        await api.import_password_hash(imported)
        owner = await sign_in(api.client())
        await fail_on_alice(api, 10)
        assert (await owner.post("/login", json=RIGHT)).status_code == 200


async def test_a_successful_login_clears_the_failures_of_the_account(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        assert await fail_on_alice(api, 9) == [401] * 9
        await sign_in(api.client("192.0.2.1"))
        assert await fail_on_alice(api, 9, start=100) == [401] * 9


async def test_an_attempt_is_admitted_again_when_the_oldest_one_leaves_the_window(run_api: RunApi, place: str) -> None:
    if place.startswith("memory"):
        pytest.skip("memory goes by the monotonic clock of the machine")
    async with run_api(account_rate_limit="3/hour") as api:
        await register(api.client())
        assert await fail_on_alice(api, 2) == [401] * 2
        api.clock.advance(1800)
        assert await fail_on_alice(api, 2, start=10) == [401, 429]
        api.clock.advance(1801)
        assert await fail_on_alice(api, 3, start=20) == [401, 401, 429]
