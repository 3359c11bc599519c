"""What every answer has in common."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from unittest.mock import Mock

import httpx
import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from jwtapi.sessions.service import SessionService
from jwtapi.web.middleware import RequestContext
from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api, error_of

JSON = {"Content-Type": "application/json"}
NO_OBJECT = (400, "validation_failed", "The body must be a JSON object")


@on_sqlite
@pytest.mark.parametrize("path", ("/", "/profile", "/nowhere", "/openapi.json", "/docs", "/health/live"))
async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers.get_list("x-request-id")
    assert "server" not in headers


@on_sqlite
async def test_a_harmless_request_id_is_kept(client: httpx.AsyncClient) -> None:
    response = await client.get("/", headers={"X-Request-ID": "trace-1.2_3"})
    assert response.headers["x-request-id"] == "trace-1.2_3"


@on_sqlite
@pytest.mark.parametrize("bad", ("", "x" * 65, "two words", "a\tb", "ü"))
async def test_a_malformed_request_id_is_replaced(client: httpx.AsyncClient, bad: str) -> None:
    response = await client.get("/", headers=[(b"X-Request-ID", bad.encode())])
    assert len(response.headers["x-request-id"]) == 32


@on_sqlite
async def test_an_unknown_path_is_not_found(client: httpx.AsyncClient) -> None:
    assert error_of(await client.get("/nowhere")) == (404, "not_found", "Not Found")


@on_sqlite
@pytest.mark.parametrize("method", ("GET", "HEAD", "POST", "PATCH", "OPTIONS"))
async def test_a_path_with_a_control_character_is_not_found(run_api: RunApi, method: str) -> None:
    paths = ("/", "/metrics", "/profile", "/login", "/api/settings", "/docs", "/docs/assets/", "/openapi.json")
    characters = ("%0a", "%0d", "%00", "%09", "%1b", "%7f", "%c2%85", "%e2%80%a8")
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    async with run_api(metrics_enabled=True, cors_origins="https://app.example") as api:
        client = api.client()
        for path, character in itertools.product(paths, characters):
            for hidden in (path + character, f"/{character}{path[1:]}"):
                response = await client.request(method, hidden, headers=headers)
                assert response.status_code == 404, hidden
                assert response.headers["x-content-type-options"] == "nosniff"
                assert method == "HEAD" or error_of(response) == (404, "not_found", "Not Found")


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    (("GET", "/login", "POST"), ("POST", "/api/settings", "GET, PATCH"), ("PUT", "/", "GET"), ("POST", "/docs", "GET")),
)
async def test_a_wrong_method_is_answered_with_the_allowed_ones(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert error_of(response) == (405, "method_not_allowed", "Method Not Allowed")
    assert response.headers["allow"] == allow


@on_sqlite
async def test_head_is_answered_as_get_without_the_body(client: httpx.AsyncClient) -> None:
    response = await client.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "28"
    assert error_of(await client.get("/login")) == (405, "method_not_allowed", "Method Not Allowed")
    assert (await client.head("/login")).status_code == 405


@on_sqlite
@pytest.mark.parametrize(
    "content",
    (
        b"{",
        b'{"username": NaN, "password": "x"}',
        b'{"username": 1e400, "password": "x"}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "a", "username": "b", "password": "x"}',
        b'\xef\xbb\xbf{"username": "a", "password": "b"}',
        '{"username": "a", "password": "b"}'.encode("utf-16"),
        b"[" * 900 + b"]" * 900,
        b"[" * 30_000,
        b"1" * 5000,
    ),
)
async def test_a_body_of_invalid_json_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    assert error_of(await client.post("/login", content=content, headers=JSON))[:2] == (400, "invalid_json")


@on_sqlite
@pytest.mark.parametrize("content_type", ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""))
async def test_a_body_of_another_media_type_than_json_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/login", content=b'{"username":"a"}', headers={"Content-Type": content_type})
    assert error_of(response)[:2] == (415, "unsupported_media_type")


@on_sqlite
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/login", content=b"x", headers=JSON | {"Content-Encoding": "gzip"})
    assert error_of(response) == (415, "unsupported_media_type", "Content-Encoding is not accepted")


@on_sqlite
async def test_an_empty_body_is_answered_with_the_required_fields(client: httpx.AsyncClient) -> None:
    assert error_of(await client.post("/login")) == NO_OBJECT


@on_sqlite
@pytest.mark.parametrize("body", (b"", b"null", b"[]", b'["username"]', b"5", b'"alice"', b"true"))
async def test_a_body_that_is_no_object_is_refused_without_naming_a_field(
    alice: httpx.AsyncClient, body: bytes
) -> None:
    for method, path in (("POST", "/login"), ("POST", "/register"), ("PATCH", "/api/settings")):
        response = await alice.request(method, path, content=body, headers=JSON)
        assert error_of(response) == NO_OBJECT
        assert "errors" not in response.json()


async def in_parts(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 1024


@on_sqlite
@pytest.mark.parametrize("content", (b" " * 65 * 1024, 65))
async def test_a_body_of_more_than_64_kib_is_refused_announced_or_not(
    client: httpx.AsyncClient, content: bytes | int
) -> None:
    body = in_parts(content) if isinstance(content, int) else content
    response = await client.post("/login", content=body, headers=JSON)
    assert error_of(response)[:2] == (413, "body_too_large")


@on_sqlite
async def test_a_body_that_does_not_arrive_in_time_is_answered_with_408(run_api: RunApi) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with run_api({"body_seconds": 0}) as api:
        response = await api.client().post("/login", content=stalling(), headers=JSON)
    assert error_of(response)[:2] == (408, "request_timeout")


@on_sqlite
async def test_a_client_that_disconnects_is_not_logged_as_an_error(api: Api) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/login",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        raise AssertionError("nobody is there to answer")

    with structlog.testing.capture_logs() as logs:
        await api.app(scope, gone, send)
    assert [(entry["event"], entry["status"]) for entry in logs] == [("request", 499)]


@on_sqlite
async def test_the_app_can_be_run_by_any_asgi_server(api: Api) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answers: list[str] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        answers.append(message["type"])

    await api.app({"type": "lifespan"}, receive, send)
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@on_sqlite
async def test_an_internal_error_is_logged_and_its_details_are_not_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionService, "log_out", Mock(side_effect=RuntimeError("secret detail")))
    with structlog.testing.capture_logs() as logs:
        response = await api.client().post("/logout")
    assert error_of(response) == (500, "internal_error", "Internal server error")
    assert response.headers["x-request-id"]
    assert "secret detail" not in response.text
    assert [entry["event"] for entry in logs] == ["unhandled error", "request"]
    assert logs[0]["exc_info"]


async def test_an_answer_that_fails_halfway_is_not_followed_by_an_error() -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    transport = httpx.ASGITransport(RequestContext(half, metrics=None, https=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        with pytest.raises(RuntimeError):
            await client.get("/")


@on_sqlite
async def test_no_error_repeats_what_was_sent(client: httpx.AsyncClient) -> None:
    secret = "Canary-4711"
    bodies: list[object] = [{"user": "x", "password": secret}, {"username": [secret], "password": secret}, [secret]]
    for body in bodies:
        for path in ("/login", "/register"):
            assert secret not in (await client.post(path, json=body)).text


@on_sqlite
async def test_a_request_leaves_one_line_with_its_id_and_no_secret(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as logs:
        await api.client().post("/login?token=hunter2", json={"username": "alice", "password": "hunter2"})
    assert len(logs) == 1
    assert logs[0]["path"] == "/login"
    assert logs[0]["status"] == 401
    assert "hunter2" not in repr(logs)


@on_sqlite
async def test_without_origins_in_the_settings_no_cross_origin_request_is_granted(client: httpx.AsyncClient) -> None:
    response = await client.get("/", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in response.headers


@on_sqlite
async def test_only_origins_in_the_settings_are_granted(run_api: RunApi) -> None:
    async with run_api(cors_origins="https://app.example") as api:
        preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
        client = api.client()
        granted = await client.options("/api/settings", headers=preflight | {"Origin": "https://app.example"})
        refused = await client.options("/api/settings", headers=preflight | {"Origin": "https://evil.example"})
        assert granted.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-origin" not in refused.headers
