"""The routes that are answered without FastAPI answer as FastAPI does."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, NoReturn

import pytest
import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute

from jwtapi.composition import features
from jwtapi.errors import StorageUnavailable
from jwtapi.security import access_tokens
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.cookie_diagnosis import CookieDiagnosis
from jwtapi.web.direct_routes import DirectRoutes
from jwtapi.web.routes import StrictRoute
from jwtapi.web.schemas import Message
from tests.conftest import RunApi, on_sqlite
from tests.support.api import BASE_URL, Api

HOST = BASE_URL.removeprefix("http://").encode()
APP = b"https://app.example.org"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Headers = Sequence[tuple[bytes, bytes]]


class Exchange(NamedTuple):
    sent: list[dict[str, Any]]
    """What the app sent."""
    received: int
    """How often it asked for the body."""
    logs: list[tuple[str, str, int | None]]
    """Event, level and status of each log entry."""


async def exchange(
    api: Api, address: str, path: str, headers: Headers, method: str = "POST", query: bytes = b"a=1"
) -> Exchange:
    sent: list[dict[str, Any]] = []
    received = 0

    async def receive() -> dict[str, Any]:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": b"x" * 70_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", HOST), (b"x-request-id", b"the-same"), *headers],
        "client": (address, 50000),
        "server": ("127.0.0.1", 80),
    }
    with structlog.testing.capture_logs() as logs:
        await api.app(scope, receive, send)
    return Exchange(sent, received, [(log["event"], log["log_level"], log.get("status")) for log in logs])


async def both_ways(
    api: Api, path: str, *requests: Headers, method: str = "POST", query: bytes = b"a=1"
) -> list[Exchange]:
    """Send the requests, without FastAPI first, and check that FastAPI answers each with the same bytes."""
    direct = [await exchange(api, "203.0.113.1", path, headers, method, query) for headers in requests]
    api.app.dependency_overrides[both_ways] = both_ways
    api.services[CookieDiagnosis]._logged.clear()  # noqa: SLF001  it logs each cause once
    by_fastapi = [await exchange(api, "203.0.113.2", path, headers, method, query) for headers in requests]
    api.app.dependency_overrides.clear()
    assert direct == by_fastapi
    return direct


def statuses(exchanges: list[Exchange]) -> list[int]:
    return [exchange.sent[0]["status"] for exchange in exchanges]


@pytest.fixture(autouse=True)
def same_token_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "random_id", lambda: "1" * 32)


@on_sqlite
async def test_the_answers_are_those_of_fastapi_byte_for_byte(run_api: RunApi) -> None:
    async with run_api(cors_origins=APP.decode()) as api:
        alice = await api.signed_in()
        bearer = (b"authorization", alice.headers["authorization"].encode())
        token = alice.cookies["refreshToken"].encode()
        cookie, device = (b"cookie", b"refreshToken=" + token), (b"cookie", b"refreshTokenDevice=x")
        forged = (b"cookie", b"refreshToken=" + token[:-4] + b"AAAA")
        variants: list[Headers] = [
            [],
            [cookie],
            [device],
            [forged],
            [device, cookie],
            [(b"cookie", forged[1] + b"; " + cookie[1])],
            [(b"cookie", b'refreshToken="\xff\\"; refreshToken=%41')],
            [cookie, (b"content-type", b"application/json"), (b"content-length", b"70000")],
            [cookie, (b"content-type", b"text/plain"), (b"transfer-encoding", b"chunked")],
            [cookie, (b"content-encoding", b"gzip"), (b"expect", b"100-continue"), (b"content-length", b"9")],
            [cookie, (b"accept", b"text/html"), (b"user-agent", b"\xff\x00 curl" * 90)],
            [cookie, (b"traceparent", TRACE)],
            [cookie, bearer],
            [cookie, bearer, bearer],
            [cookie, (b"authorization", b"Bearer forged")],
            [cookie, (b"origin", b"http://" + HOST)],
            [cookie, (b"origin", APP)],
            [cookie, (b"origin", APP), (b"sec-fetch-site", b"cross-site")],
            [cookie, (b"origin", b"https://other.example")],
            [cookie, (b"origin", b"null")],
            [cookie, (b"sec-fetch-site", b"same-origin")],
            [cookie, (b"sec-fetch-site", b"same-site")],
            [bearer, (b"origin", APP)],
        ]
        for path in ("/refresh", "/logout", "/refresh/", "/refresh\n", "/Logout"):
            for method in ("POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
                await both_ways(api, path, *variants, method=method)


@on_sqlite
@pytest.mark.parametrize(
    ("value", "status"), ((b"=true", 401), (b"=false", 200), (b"", 400), (b"=1", 400), (b"=\xff\x00", 400))
)
async def test_the_query_of_a_logout_is_read_as_fastapi_would_call_it(api: Api, value: bytes, status: int) -> None:
    for method in ("POST", "GET"):
        requests: list[Headers] = [[], [(b"authorization", b"Bearer x")], [(b"origin", b"https://other.example")]]
        answers = await both_ways(api, "/logout", *requests, method=method, query=b"everywhere" + value)
        assert statuses(answers) == ([status, status, 403] if method == "POST" else [405] * 3)


@on_sqlite
async def test_limits_are_counted_and_stated_as_fastapi_does(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, refresh_rate_limit="2/15 minutes") as api:
        cookie = (b"cookie", b"refreshToken=" + (await api.signed_in()).cookies["refreshToken"].encode())
        refused_before_it_counts = [cookie, (b"sec-fetch-site", b"cross-site")]
        answers = await both_ways(api, "/refresh", refused_before_it_counts, [cookie], [], [cookie], [])
    assert statuses(answers) == [403, 200, 401, 429, 429]


@on_sqlite
@pytest.mark.parametrize("error", (StorageUnavailable(), RuntimeError("a fault")), ids=("unavailable", "fault"))
async def test_failures_are_answered_and_logged_as_fastapi_does(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error from OSError("the cause")

    monkeypatch.setattr(SessionService, "refresh", fail)
    monkeypatch.setattr(SessionService, "log_out", fail)
    for path in ("/refresh", "/logout"):
        answers = await both_ways(api, path, [(b"cookie", b"refreshToken=x")])
        assert statuses(answers) == [503 if isinstance(error, StorageUnavailable) else 500]


@on_sqlite
async def test_a_refresh_and_a_logout_skip_fastapi_and_are_counted_by_their_routes(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api(metrics_enabled=True) as api:
        alice = await api.signed_in()
        with monkeypatch.context() as patch:
            patch.setattr(APIRoute, "handle", None)
            assert (await alice.post("/refresh")).status_code == 200
            assert (await alice.post("/logout")).status_code == 200
        metrics = (await api.client().get("/metrics")).text
    for path in ("/refresh", "/logout"):
        assert f'jwtapi_requests_total{{method="POST",route="{path}",status="200"}} 1.0' in metrics


def test_each_direct_endpoint_is_that_of_a_strict_route() -> None:
    for feature in features().values():
        endpoints = {
            route.endpoint for router in feature.routers for route in router.routes if isinstance(route, StrictRoute)
        }
        assert endpoints.issuperset(feature.direct_endpoints)


def a_number() -> int:
    return 1


async def with_a_query(page: Annotated[int, Query()]) -> Message:
    return Message(message=str(page))


def without_a_loop(request: Request) -> Message:
    return Message(message=request.method)


async def with_a_dependency_without_a_loop(number: Annotated[int, Depends(a_number)]) -> Message:
    return Message(message=str(number))


async def with_a_body(body: Message) -> Message:
    return body


@pytest.mark.parametrize("endpoint", (with_a_query, without_a_loop, with_a_dependency_without_a_loop, with_a_body))
def test_an_endpoint_that_needs_fastapi_cannot_be_called_without_it(endpoint: Any) -> None:
    router = APIRouter(route_class=StrictRoute)
    router.post("/x")(endpoint)
    with pytest.raises(TypeError, match="needs FastAPI"):
        DirectRoutes(router, router.routes)  # type: ignore[arg-type]  # they are StrictRoutes
