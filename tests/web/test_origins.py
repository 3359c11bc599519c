import asyncio

import pytest

from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.support.api import BASE_URL, PASSWORD, Api, error_of, register, sign_in
from tests.support.routes import changing_routes_of, routes_of

REFUSED = (403, "cross_origin_refused", "Cross-origin request refused")
RIGHT = {"username": "alice", "password": PASSWORD}

# What browsers send of their own accord with a request that a page of another origin made.
FROM_ANOTHER_PAGE = (
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Origin": "https://sibling.api.example", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},  # a sandboxed frame
    {"Origin": "null"},  # the same, of an old browser
    {"Origin": "http://evil.example"},  # over plain http browsers send no Sec-Fetch-Site
    {"Origin": "http://api.example:8080"},  # another port is another origin
    {"Origin": "http://api.example.evil.example"},
)

# What no browser sends: an origin that cannot be read is not this one, and never a fault of the server.
ODD = (
    {"Origin": "http://["},
    {"Origin": "http://[::1"},
    {"Origin": "http://api.example]"},
    {"Origin": "http://\N{LATIN SMALL LETTER E WITH ACUTE}".encode()},
    {"Origin": b"\xff\xfe\x80"},
    {"Origin": ""},
    {"Origin": "http://"},
    {"Origin": "api.example"},
    {"Origin": "ftp://api.example"},
    {"Origin": f"{BASE_URL}/"},
    {"Origin": f"{BASE_URL} http://evil.example"},
    {"Origin": "http://a@api.example"},
    {"Origin": "x" * 8000},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "SAME-ORIGIN"},
    {"Sec-Fetch-Site": "same-origin, none"},
    {"Sec-Fetch-Site": b"\xff"},
)


@on_sqlite
@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE + ODD)
async def test_every_route_that_changes_something_refuses_pages_of_other_origins(
    api: Api, headers: dict[str, str | bytes]
) -> None:
    alice = await api.signed_in()
    changing = changing_routes_of(api.services.settings)
    assert {path for _, path in changing} >= {"/login", "/register", "/refresh", "/logout", "/token"}
    for method, path in changing:
        response = await alice.request(method, path, json=RIGHT, headers=headers)  # type: ignore[arg-type]
        assert error_of(response) == REFUSED, (method, path)
        assert "set-cookie" not in response.headers
    assert (await alice.get("/profile")).status_code == 200


@on_sqlite
@pytest.mark.parametrize("headers", FROM_ANOTHER_PAGE[:1] + ODD[:1])
async def test_requests_of_pages_of_other_origins_are_not_counted(run_api: RunApi, headers: dict[str, str]) -> None:
    async with run_api(rate_limit_enabled=True, refresh_rate_limit="10/15 minutes") as api:
        client = api.client()
        form = "grant_type=password&username=alice&password=x"
        for _ in range(11):
            for path in ("/login", "/register", "/refresh", "/logout"):
                response = await client.post(path, content="x", headers=headers | {"Content-Type": "text/plain"})
                assert error_of(response) == REFUSED
            response = await client.post(
                "/token", content=form, headers=headers | {"Content-Type": "application/x-www-form-urlencoded"}
            )
            assert error_of(response) == REFUSED
        assert await api.sql("SELECT count(*) FROM rate_limits") == [(0,)]
        await register(client)
        await sign_in(client)
        assert (await client.post("/refresh")).status_code == 200
        assert (await client.post("/token", content=form)).status_code == 400
        assert (await client.post("/token", data={"grant_type": "password", **RIGHT})).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    (
        {},  # curl, OAuth2 libraries, apps on a phone
        {"Sec-Fetch-Site": "same-origin", "Origin": BASE_URL},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},  # a page with Referrer-Policy: no-referrer
        {"Sec-Fetch-Site": "none"},
        {"Origin": BASE_URL},
        {"Origin": "https://api.example"},  # the proxy in front speaks TLS
        {"Origin": "https://api.example", "Host": "API.example:443"},  # as some proxies pass it on
        {"Origin": "http://api.example", "Host": "api.example:80"},
        {"Origin": "http://127.0.0.1:4000", "Host": "127.0.0.1:4000"},  # although the server prints localhost
        {"Origin": "http://localhost:4000", "Host": "localhost:4000"},
        {"Origin": "https://app.example"},
        {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"},
    ),
)
async def test_pages_of_the_own_origin_and_programs_are_served(run_api: RunApi, headers: dict[str, str]) -> None:
    async with run_api(cors_origins="https://app.example") as api:
        client = api.client(**headers)
        await register(client)
        await sign_in(client)
        assert (await client.patch("/api/settings", json={"theme": "dark"})).status_code == 200
        assert (await client.post("/refresh")).status_code == 200
        assert (await client.post("/token", data={"grant_type": "password", **RIGHT})).status_code == 200
        assert (await client.post("/logout")).status_code == 200


@on_sqlite
@pytest.mark.parametrize("host", ("127.0.0.1:4000", "jwtapi", "internal.example"))
async def test_pages_at_the_public_address_are_served_even_if_a_proxy_changes_host(run_api: RunApi, host: str) -> None:
    async with run_api(public_url="https://auth.example.com") as api:
        client = api.client(Host=host, Origin="https://auth.example.com")
        await register(client)
        await sign_in(client)
        assert (await client.post("/refresh")).status_code == 200
        for other in (
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://auth.example.com/sso",
            "https://auth.example.com.evil.example",
            "https://evil.example",
        ):
            assert error_of(await client.post("/refresh", headers={"Origin": other})) == REFUSED


@on_sqlite
async def test_a_page_that_the_browser_calls_cross_site_is_refused_whatever_its_origin(run_api: RunApi) -> None:
    """As when the page at the public address calls this server at another address."""
    async with run_api(public_url="https://auth.example.com") as api:
        headers = {"Origin": "https://auth.example.com", "Sec-Fetch-Site": "cross-site"}
        assert error_of(await api.client(**headers).post("/register", json=RIGHT)) == REFUSED


@on_sqlite
async def test_preflights_and_wrong_methods_are_not_counted(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, cors_origins="https://app.example") as api:
        preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        for origin in ("https://app.example", "https://evil.example"):
            client = api.client(Origin=origin)
            for path in ("/login", "/register", "/refresh", "/token"):
                await client.options(path, headers=preflight)
                assert (await client.get(path)).status_code == 405
        assert await api.sql("SELECT count(*) FROM rate_limits") == [(0,)]


@on_sqlite
async def test_refusing_a_page_of_another_origin_asks_nothing_of_the_database(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_database() -> None:
        raise AssertionError

    for block in ("read", "write"):
        monkeypatch.setattr(type(api.services[Database]), block, lambda *_, **__: no_database())
    client = api.client(Origin="https://evil.example")
    answers = await asyncio.gather(*(client.post(path, json=RIGHT) for path in ("/login", "/register", "/refresh")))
    assert [answer.status_code for answer in answers] == [403] * 3


HEADERS = (
    "Accept",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "If-None-Match",
    "Origin",
    "Range",
    "Referer",
    "Sec-Fetch-Site",
    "Transfer-Encoding",
    "Upgrade",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "X-Request-ID",
)
VALUES = (
    b"",
    b" ",
    b"[",
    b"http://[",
    b"http://[::1",
    b"[::1]:99999999",
    b"::1%lo",
    b"1.2.3.4:99999",
    b"\xff\xfe",
    "\N{FULLWIDTH SOLIDUS}\N{RIGHT-TO-LEFT OVERRIDE}".encode(),
    b"\xc3\x28",
    b'"',
    b"'; DROP TABLE users; --",
    b"a=b; a; =; ;;,",
    b"application/json; charset=\xff",
    b"application/json; charset=utf-16",
    b"Bearer",
    b"Bearer \xff.\xff.\xff",
    b"Basic ====",
    b"9" * 5000,
    b"-1",
    b"%",
    b"%00%ff",
    b"null",
    b"for=[::",
    b"," * 1000,
    b"\t",
)


@on_sqlite
@pytest.mark.parametrize("name", HEADERS)
async def test_no_header_value_causes_a_server_error(run_api: RunApi, name: str) -> None:
    many = dict.fromkeys(("login_rate_limit", "register_rate_limit", "refresh_rate_limit"), "10000/minute")
    proxy = {"trusted_proxies": "203.0.113.7", "cors_origins": "https://app.example"}
    async with run_api(rate_limit_enabled=True, metrics_enabled=True, **many, **proxy) as api:
        alice = await api.signed_in()
        for number, (method, path) in enumerate(
            [*routes_of(api.services.settings), ("OPTIONS", "/login"), ("GET", "/nothing")]
        ):
            # The many routes for administrators read no header by themselves, so they share the values.
            for value in VALUES[number % 9 :: 9] if path.startswith(("/api/admin", "/admin")) else VALUES:
                response = await alice.request(method, path, json={}, headers={name.encode(): value})
                assert response.status_code < 500, (method, path, value)
