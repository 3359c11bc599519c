import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import starlette.datastructures
import starlette.requests
from starlette.requests import Request

from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.web.strip_query_and_cookies import COOKIE_HEADERS
from tests.conftest import MakeSettings, RunApi, on_sqlite
from tests.support.api import PASSWORD, error_of, register

Read = Callable[..., tuple[str, ...]]
HOSTILE = b'x="' + b"\\" * 60_000 + b'"'


@pytest.fixture
def read(make_settings: MakeSettings) -> Read:
    """The refresh tokens of a request with these Cookie headers."""
    cookies = AuthCookies(make_settings(cookie_name="__Host-refreshToken", cookie_secure=True))
    return lambda *headers: cookies.refresh_tokens(Request({"type": "http", COOKIE_HEADERS: headers}))


@on_sqlite
@pytest.mark.parametrize(
    ("headers", "tokens"),
    (
        ((), ()),
        ((b"__Host-refreshToken=a.b-c_d",), ("a.b-c_d",)),
        ((b"one=1; __Host-refreshToken=t; two=2",), ("t",)),
        ((b"one=1;__Host-refreshToken=t;two=2",), ("t",)),
        ((b"__Host-refreshToken=t; \t",), ("t",)),
        ((b"__Host-refreshToken=2; __Host-refreshToken=1; __Host-refreshToken=2",), ("2", "1")),
        ((b"__Host-refreshToken=1", b"one=1", b"__Host-refreshToken=2"), ("1", "2")),
        ((b"; ".join(b"__Host-refreshToken=%d" % n for n in range(9)),), ("0", "1", "2", "3")),
        ((b"__Host-refreshToken=", b"__Host-refreshToken= ;", b"__Host-refreshToken", b"=", b";;"), ()),
        ((b"x__Host-refreshToken=t; __Host-refreshTokenDevice=t; __host-refreshtoken=t; =__Host-refreshToken=t",), ()),
        ((b"x=__Host-refreshToken=t",), ()),
        (
            (b"__Host-refreshToken=\xff; __Host-refreshToken=\xc3\xa9; __Host-refreshToken=t",),
            ("\xff", "\xc3\xa9", "t"),
        ),
        ((b'__Host-refreshToken="t"',), ('"t"',)),
        ((b"__Host-refreshToken=%41=",), ("%41=",)),
    ),
)
def test_exactly_the_tokens_in_the_cookie_headers_are_found(
    read: Read, headers: tuple[bytes, ...], tokens: tuple[str, ...]
) -> None:
    assert read(*headers) == tokens


@on_sqlite
@pytest.mark.parametrize("parser", ("cookie_parser", "parse_qsl"))
async def test_no_endpoint_has_cookies_or_the_query_parsed(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, parser: str
) -> None:
    parsed = []

    def spy(text: str, *_: Any, **__: Any) -> Any:
        parsed.append(text)
        return {} if parser == "cookie_parser" else []

    module = starlette.requests if parser == "cookie_parser" else starlette.datastructures
    monkeypatch.setattr(module, parser, spy)
    async with run_api(metrics_enabled=True) as api:
        paths: dict[str, Any] = (await api.client().get("/openapi.json")).json()["paths"]
        operations = [(method, path) for path, operations in paths.items() for method in operations]
        for method, path in [*operations, ("get", "/docs"), ("get", "/docs/assets/x"), ("get", "/nowhere")]:
            answer = await api.client().request(method, f"{path}?a=1", headers={b"Cookie": HOSTILE})
            assert answer.status_code < 500
    assert not [text for text in parsed if text]


@on_sqlite
@pytest.mark.parametrize("value", (b"\xff", b"\xc3\xa9", b'"', b"\\", b"%", b"a b", b"a\tb", b"=", b"\\" * 60_000))
@pytest.mark.parametrize("path", ("/refresh", "/logout", "/login"))
async def test_a_cookie_of_arbitrary_bytes_is_not_a_token(run_api: RunApi, value: bytes, path: str) -> None:
    async with run_api() as api:
        await register(api.client())
        cookie = b"refreshToken=" + value + b"; refreshTokenDevice=" + value
        answer = await api.client().post(
            path,
            headers={b"Cookie": cookie},
            json={"username": "alice", "password": PASSWORD} if path == "/login" else None,
        )
        if path == "/refresh":
            assert error_of(answer)[1] == "refresh_token_invalid"
        else:
            assert answer.status_code == 200


@on_sqlite
async def test_a_refresh_token_is_found_in_any_of_several_cookie_headers(run_api: RunApi) -> None:
    async with run_api() as api:
        token = (await api.signed_in()).cookies["refreshToken"]
        headers = httpx.Headers([("Cookie", "one=1"), ("Cookie", f"refreshToken={token}"), ("Cookie", "two=2")])
        assert (await api.client().post("/refresh", headers=headers)).status_code == 200


APP = "https://app.example.org"

KINDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "HttpOnly; Max-Age=N; Path=/; SameSite=strict"),
    ({"cookie_samesite": "Lax"}, "HttpOnly; Max-Age=N; Path=/; SameSite=lax"),
    (
        {"cookie_samesite": "none", "cookie_secure": True, "cors_origins": APP},
        "HttpOnly; Max-Age=N; Path=/; SameSite=none; Secure; Partitioned",
    ),
    ({"cookie_domain": ".Example.com"}, "Domain=example.com; HttpOnly; Max-Age=N; Path=/; SameSite=strict"),
    ({"root_path": "/sso"}, "HttpOnly; Max-Age=N; Path=/sso; SameSite=strict"),
    (
        {"root_path": "/sso", "cookie_name": "__Host-r", "cookie_secure": True},
        "HttpOnly; Max-Age=N; Path=/; SameSite=strict; Secure",
    ),
)


@on_sqlite
@pytest.mark.parametrize(("settings", "attributes"), KINDS)
async def test_both_cookies_have_the_attributes_of_the_settings_and_logout_the_same(
    run_api: RunApi, settings: dict[str, Any], attributes: str
) -> None:
    async with run_api(**settings) as api:
        client = api.client()
        await register(client)
        login = await client.post("/login", json={"username": "alice", "password": PASSWORD})
        name = settings.get("cookie_name", "refreshToken")
        token = next(line for line in login.headers.get_list("set-cookie") if line.startswith(f"{name}="))
        cookie = {
            "Cookie": token.partition(";")[0],
            "Origin": APP if "cors_origins" in settings else "http://api.example",
        }
        refreshed = await api.client(**cookie).post("/refresh")
        logged_out = await api.client(**cookie).post("/logout")
        lines = [line for answer in (login, refreshed, logged_out) for line in answer.headers.get_list("set-cookie")]
        assert [line.partition("=")[0] for line in lines] == [f"{name}Device", name, name, name]
        for line in lines:
            assert re.sub(r"Max-Age=\d+", "Max-Age=N", line.partition("; ")[2]) == attributes
        assert "Max-Age=0;" in lines[-1]


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},  # a form that a page makes a browser send that knows neither header
    ),
)
async def test_with_samesite_none_a_page_that_is_not_listed_gets_nowhere_with_the_cookies(
    run_api: RunApi, headers: dict[str, str]
) -> None:
    async with run_api(cookie_samesite="none", cookie_secure=True, cors_origins=APP) as api:
        login = await register(api.client(), "alice") and await api.client().post("/login", json=ALICE)
        cookies = "; ".join(line.partition(";")[0] for line in login.headers.get_list("set-cookie"))
        for path in ("/refresh", "/logout", "/login", "/register", "/token"):
            answer = await api.client(Cookie=cookies, **headers).post(path, json=ALICE)
            assert error_of(answer)[:2] == (403, "cross_origin_refused"), path
            assert "set-cookie" not in answer.headers
        page = api.client(**{"Cookie": cookies, "Origin": APP, "Sec-Fetch-Site": "cross-site"})
        assert (await page.post("/refresh")).status_code == 200
        assert (await page.post("/logout")).status_code == 200


ALICE = {"username": "alice", "password": PASSWORD}
