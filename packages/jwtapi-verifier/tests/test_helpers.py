"""The helpers, in apps of the real frameworks."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import httpx
import pytest

from jwtapi_verifier import Claims, SyncVerifier, Verifier
from made_tokens import ALICE, AUDIENCE, SigningKey, TokenMaker
from scripted_server import ScriptedServer, status

KEYS = "/.well-known/jwks.json"
Get = Callable[[list[tuple[str, str]]], Awaitable[httpx.Response]]


@pytest.fixture
async def verifier(server: ScriptedServer) -> AsyncIterator[Verifier]:
    verifier = Verifier(server.url, AUDIENCE)
    yield verifier
    await verifier.close()


@pytest.fixture
async def sync_verifier(server: ScriptedServer) -> AsyncIterator[SyncVerifier]:
    verifier = SyncVerifier(server.url, AUDIENCE)
    yield verifier
    await asyncio.to_thread(verifier.close)


async def _get(app: Any, headers: list[tuple[str, str]]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
        return await client.get("/orders", headers=headers)


@pytest.fixture
def fastapi_app(verifier: Verifier) -> Get:
    fastapi: Any = pytest.importorskip("fastapi")
    from jwtapi_verifier.fastapi import bearer  # noqa: PLC0415 - it needs FastAPI

    app = fastapi.FastAPI()
    current = bearer(verifier)

    async def orders(claims: Annotated[Claims, fastapi.Depends(current)]) -> dict[str, Any]:
        return {"sub": claims.sub}

    app.add_api_route("/orders", orders)
    return lambda headers: _get(app, headers)


@pytest.fixture
def starlette_app(verifier: Verifier) -> Get:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import JSONResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    from jwtapi_verifier.fastapi import bearer  # noqa: PLC0415

    current = bearer(verifier)

    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"sub": (await current(request)).sub})

    app = Starlette(routes=[Route("/orders", orders)])
    return lambda headers: _get(app, headers)


@pytest.fixture
def flask_app(sync_verifier: SyncVerifier) -> Get:
    flask: Any = pytest.importorskip("flask")
    from jwtapi_verifier.flask import bearer  # noqa: PLC0415 - it needs Flask

    app = flask.Flask(__name__)

    @bearer(sync_verifier)
    def orders() -> Any:
        return {"sub": flask.g.claims.sub}

    app.add_url_rule("/orders", view_func=orders)
    return _wsgi(app)


@pytest.fixture
def django_app(sync_verifier: SyncVerifier) -> Get:
    django: Any = pytest.importorskip("django")
    from django.conf import settings  # noqa: PLC0415
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415
    from django.http import HttpRequest, JsonResponse  # noqa: PLC0415
    from django.urls import path, set_urlconf  # noqa: PLC0415

    from jwtapi_verifier.django import bearer  # noqa: PLC0415 - it needs Django

    @bearer(sync_verifier)
    def orders(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"sub": request.claims.sub})

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="only for this test")
        django.setup()
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("orders", orders)]})
    set_urlconf(None)
    return _wsgi(WSGIHandler())


def _wsgi(app: Any) -> Get:
    def get(headers: list[tuple[str, str]]) -> httpx.Response:
        with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://app.example") as client:
            return client.get("/orders", headers=headers)

    return lambda headers: asyncio.to_thread(get, headers)


@pytest.fixture(params=("fastapi", "starlette", "flask", "django"))
def get(request: pytest.FixtureRequest) -> Get:
    """Request a view that needs a token."""
    found: Get = request.getfixturevalue(f"{request.param}_app")
    return found


@pytest.mark.parametrize("scheme", ("Bearer", "bearer", "BEARER"))
async def test_a_request_with_a_token_reaches_the_view(
    get: Get, tokens: TokenMaker, key: SigningKey, scheme: str
) -> None:
    response = await get([("Authorization", f"{scheme} {tokens.token(key)}")])
    assert (response.status_code, response.json()) == (200, {"sub": ALICE})


@pytest.mark.parametrize("authorization", (None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x"))
async def test_a_request_without_a_token_gets_no_error_code(get: Get, authorization: str | None) -> None:
    response = await get([] if authorization is None else [("Authorization", authorization)])
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Access token required" in response.text


@pytest.mark.parametrize(
    ("changed", "message"), (({"iat": 1, "exp": 2}, "Token expired"), ({"aud": "another"}, "Invalid token"))
)
async def test_a_request_with_a_token_that_is_refused_learns_that(
    get: Get, tokens: TokenMaker, key: SigningKey, changed: dict[str, Any], message: str
) -> None:
    response = await get([("Authorization", f"Bearer {tokens.token(key, **changed)}")])
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert message in response.text


async def test_a_request_with_two_tokens_is_refused(get: Get, tokens: TokenMaker, key: SigningKey) -> None:
    token = f"Bearer {tokens.token(key)}"
    response = await get([("Authorization", f"{token},{token}")])  # as servers join two headers for WSGI
    assert response.status_code == 401


@pytest.mark.parametrize("get", ("fastapi", "starlette"), indirect=True)
async def test_a_request_with_two_headers_with_tokens_is_refused(get: Get, tokens: TokenMaker, key: SigningKey) -> None:
    token = f"Bearer {tokens.token(key)}"
    response = await get([("Authorization", token), ("Authorization", token)])
    assert response.status_code == 401


async def test_a_request_that_cannot_be_judged_may_come_again(
    get: Get, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers[KEYS] = status(500)
    response = await get([("Authorization", f"Bearer {tokens.token(key)}")])
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_the_package_itself_imports_no_framework_and_no_part_of_jwtapi() -> None:
    code = (
        "import sys; before = set(sys.modules); import jwtapi_verifier; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "jwtapi_verifier" in loaded
    assert not {"fastapi", "starlette", "django", "flask", "pydantic", "jwtapi"} & set(loaded)
