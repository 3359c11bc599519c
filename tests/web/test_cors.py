from unittest.mock import Mock

import httpx
import pytest
import structlog

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.security.key_ring import KeyRing
from jwtapi.sessions.service import SessionService
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, error_of
from tests.support.routes import routes_of

APP = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def assert_readable(response: httpx.Response, origin: str = APP) -> None:
    """By a script of the page: what the Fetch standard asks for where a request has cookies."""
    assert response.headers.get_list("access-control-allow-origin") == [origin], response.request.url
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]
    assert response.headers["x-request-id"]


@on_sqlite
@pytest.mark.parametrize(
    ("listed", "sent"),
    (
        ("HTTPS://App.Example:443", "https://app.example"),
        ("https://app.example", "https://App.Example:443"),  # no browser
        ("http://app.example:80", "http://app.example"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("http://tauri.localhost", "http://tauri.localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("moz-extension://2c127fa4-62c7", "moz-extension://2c127fa4-62c7"),
        ("safari-web-extension://E5BB0F2F", "safari-web-extension://E5BB0F2F"),
        ("app://.", "app://."),
    ),
)
async def test_an_origin_is_allowed_in_every_spelling_of_the_setting(run_api: RunApi, listed: str, sent: str) -> None:
    async with run_api(cors_origins=f"https://other.example,{listed}") as api:
        page = api.client(**{"Origin": sent, "Sec-Fetch-Site": "cross-site"})
        assert_readable(await page.options("/login", headers=PREFLIGHT), sent)
        login = await page.post("/login", json={"username": "alice", "password": PASSWORD})
        assert login.status_code == 401  # and no 403: who may read an answer may also ask
        assert_readable(login, sent)


@on_sqlite
@pytest.mark.parametrize(
    "sent", ("null", "", "https://evil.example", "https://app.example.evil.example", "http://app.example", "file://")
)
async def test_an_origin_that_is_not_in_the_settings_is_never_allowed(run_api: RunApi, sent: str) -> None:
    async with run_api(cors_origins=f"{APP},capacitor://localhost") as api:
        page = api.client(Origin=sent)
        for answer in (await page.options("/login", headers=PREFLIGHT), await page.post("/login", json={})):
            assert error_of(answer)[:2] == (403, "cross_origin_refused")
            assert "access-control-allow-origin" not in answer.headers
            assert "Origin" in answer.headers["vary"]


@on_sqlite
async def test_request_headers_of_common_libraries_and_of_the_settings_are_allowed(run_api: RunApi) -> None:
    usual = (
        "authorization, content-type, x-request-id, baggage, sentry-trace, traceparent, tracestate, x-requested-with, "
        "cache-control, if-none-match, idempotency-key"
    )
    async with run_api(cors_origins=APP, cors_headers="X-Tenant, x-datadog-trace-id") as api:
        page = api.client(Origin=APP)

        async def preflight(headers: str) -> httpx.Response:
            return await page.options("/login", headers=PREFLIGHT | {"Access-Control-Request-Headers": headers})

        allowed = await preflight(f"{usual}, x-tenant, x-datadog-trace-id")
        assert allowed.status_code == 200
        assert int(allowed.headers["access-control-max-age"]) >= 3600
        assert error_of(await preflight("x-other")) == (403, "cross_origin_refused", "Disallowed CORS headers")


@on_sqlite
async def test_a_page_of_the_internet_may_ask_a_server_in_a_private_network(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP) as api:
        private = PREFLIGHT | {"Origin": APP, "Access-Control-Request-Private-Network": "true"}
        answer = await api.client().options("/login", headers=private)
        assert (answer.status_code, answer.headers["access-control-allow-private-network"]) == (200, "true")


@on_sqlite
async def test_every_error_can_be_read_by_the_page_that_made_it(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionService, "log_out", Mock(side_effect=RuntimeError))
    monkeypatch.setattr(Authenticator, "verify", Mock(side_effect=RuntimeError))
    async with run_api(cors_origins=APP, rate_limit_enabled=True, login_rate_limit="1/hour") as api:
        with structlog.testing.capture_logs():  # a traceback in colours takes seconds
            faults = [await api.client(Origin=APP).post("/logout"), await api.client(Origin=APP).get("/profile")]
        page = api.client(Origin=APP)
        answers = {
            500: faults,
            404: [await page.get("/nowhere"), await page.get("/nowhere%0a"), await page.get("/docs/assets/none")],
            405: [await page.get("/login"), await page.put("/logout")],
            400: [await page.post("/login", content=b"{", headers={"Content-Type": "application/json"})],
            429: [await page.post("/login", json={})],
            401: [await page.post("/refresh")],
            413: [await page.post("/token", content=b"x" * 70_000, headers={"Content-Type": FORM})],
            415: [await page.post("/register", content=b"x", headers={"Content-Type": "text/plain"})],
        }
        for status, of_status in answers.items():
            for answer in of_status:
                assert answer.status_code == status, answer.request.url
                assert_readable(answer)


FORM = "application/x-www-form-urlencoded"

READABLE_ANYWAY = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"}
"""Fetch standard: CORS-safelisted response-header names."""
FOR_BROWSERS = {
    *("content-security-policy", "referrer-policy", "x-content-type-options", "vary", "set-cookie"),
    *("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"),
}


@on_sqlite
async def test_a_page_of_an_allowed_origin_can_read_every_header_for_programs(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP, rate_limit_enabled=True, refresh_rate_limit="2/hour") as api:
        alice = await api.signed_in()
        alice.headers["Origin"] = APP
        seen = set((await alice.get("/auth/verify")).headers)
        exposed: set[str] = set()
        for path, methods in (await alice.get("/openapi.json")).json()["paths"].items():
            for method in (*methods, "put"):
                answer = await alice.request(method, path, json={})
                seen |= set(answer.headers)
                exposed |= set(answer.headers["access-control-expose-headers"].lower().split(", "))
        seen |= set((await api.client(Origin=APP).get("/profile")).headers)
        seen |= set((await alice.post("/refresh")).headers)
        assert seen >= {"retry-after", "ratelimit", "allow", "x-auth-user", "www-authenticate"}
        assert seen - READABLE_ANYWAY - FOR_BROWSERS == exposed


@on_sqlite
async def test_answers_that_depend_on_the_origin_vary_by_it(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP) as api:
        for headers in ({}, {"Origin": APP}, {"Origin": "https://evil.example"}):
            assert (await api.client(**headers).get("/")).headers["vary"] == "Origin"


@on_sqlite
async def test_a_page_of_an_allowed_origin_may_use_every_method_of_every_route(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP) as api:
        used = [route for route in routes_of(api.services.settings) if route.method != "HEAD"]
        for method, path in used:
            headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
            preflight = await api.client(Origin=APP, **headers).options(path)
            assert (method, path, preflight.status_code) == (method, path, 200)


PUBLIC = ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server")


@on_sqlite
@pytest.mark.parametrize("settings", ({}, {"cors_origins": APP}), ids=("no origins", "other origins"))
@pytest.mark.parametrize("path", PUBLIC)
async def test_every_page_may_read_a_public_path_but_not_with_credentials(
    run_api: RunApi, settings: dict[str, str], path: str
) -> None:
    async with run_api(public_url="https://auth.example.com", **settings) as api:
        for headers in ({}, {"Origin": APP}, {"Origin": "https://any.example"}, {"Origin": "null", "Cookie": "a=b"}):
            answer = await api.client(**headers).get(path)
            assert answer.status_code == 200
            assert_readable_by_all(answer)


def assert_readable_by_all(response: httpx.Response) -> None:
    assert response.headers.get_list("access-control-allow-origin") == ["*"]
    assert "access-control-allow-credentials" not in response.headers
    assert "vary" not in response.headers  # a shared cache has one copy for all
    assert response.headers["x-request-id"]


@on_sqlite
@pytest.mark.parametrize("settings", ({}, {"cors_origins": APP}), ids=("no origins", "other origins"))
async def test_a_preflight_for_a_public_path_is_allowed_for_every_page_and_header(
    run_api: RunApi, settings: dict[str, str]
) -> None:
    ask = {"Origin": "https://any.example", "Access-Control-Request-Method": "GET"}
    async with run_api(**settings) as api:
        for path in PUBLIC:
            answer = await api.client(**ask).options(path, headers={"Access-Control-Request-Headers": "x-b3-traceid"})
            assert answer.status_code == 200
            assert_readable_by_all(answer)
            assert answer.headers["access-control-allow-methods"] == "GET"
            assert answer.headers["access-control-allow-headers"] == "*"


@on_sqlite
@pytest.mark.parametrize("settings", ({}, {"cors_origins": APP}), ids=("no origins", "other origins"))
async def test_every_page_may_read_why_a_public_path_failed(
    run_api: RunApi, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(signing_algorithm="ES256", **settings) as api:
        page = api.client(Origin="https://any.example")
        answers = {404: await page.get(PUBLIC[1]), 405: await page.put(PUBLIC[0])}
        api.services[KeyRing].replace([])
        answers[503] = await page.get(PUBLIC[0])
        monkeypatch.setattr(KeyRing, "published", Mock(side_effect=RuntimeError))
        with structlog.testing.capture_logs():
            answers[500] = await page.get(PUBLIC[0])
        for status, answer in answers.items():
            assert answer.status_code == status
            assert_readable_by_all(answer)


@on_sqlite
async def test_a_path_that_only_looks_like_a_public_one_is_not_open(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP) as api:
        page = api.client(Origin="https://any.example")
        for path in (
            "/.well-known/jwks.json/",
            "/.well-known/jwks.json%0a",
            "/.well-known/change-password",
            "/profile",
        ):
            assert "access-control-allow-origin" not in (await page.get(path)).headers
