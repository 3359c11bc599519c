"""What the app is for a program that embeds it, or tests it."""

from typing import Any, NoReturn
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.dependencies import get_principal
from jwtapi.authentication.errors import AccessTokenExpired
from jwtapi.features.account.service import AccountService
from jwtapi.principal import Principal
from jwtapi.sessions.errors import RefreshTokenInvalid
from jwtapi.sessions.service import SessionService
from jwtapi.web.dependencies import provider
from tests.conftest import on_sqlite
from tests.support.api import Api, error_of

NOBODY = Principal(
    user_id=UUID(int=7),
    username="embedded",
    roles=("tester",),
    session_id=None,
    amr=("pwd",),
    auth_time=0,
)


@on_sqlite
async def test_the_app_is_a_fastapi_app(api: Api) -> None:
    assert isinstance(api.app, FastAPI)


@on_sqlite
@pytest.mark.parametrize("path", ("/profile", "/api/profile"))
async def test_an_overridden_dependency_replaces_the_principal_where_fastapi_is_skipped_too(
    api: Api, alice: httpx.AsyncClient, path: str
) -> None:
    api.app.dependency_overrides[get_principal] = lambda: NOBODY
    assert (await api.client().get(path)).json() == {"username": "embedded"}
    api.app.dependency_overrides.clear()
    assert (await alice.get(path)).json() == {"username": "alice"}
    assert (await api.client().get(path)).status_code == 401


@on_sqlite
async def test_forward_auth_names_an_empty_session_if_the_principal_has_none(api: Api) -> None:
    api.app.dependency_overrides[get_principal] = lambda: NOBODY
    headers = (await api.client().get("/auth/verify")).headers
    assert (headers["x-auth-user"], headers["x-auth-roles"]) == ("embedded", "tester")
    assert headers["x-auth-session"] == ""


@on_sqlite
async def test_an_overridden_service_answers_in_place_of_the_real_one(api: Api, alice: httpx.AsyncClient) -> None:
    class Frozen:
        async def change_settings(self, _: Any, patch: dict[str, Any]) -> dict[str, Any]:
            return {"frozen": True, "refused": patch}

    api.app.dependency_overrides[provider(AccountService)] = Frozen
    assert (await alice.patch("/api/settings", json={"a": 1})).json() == {"frozen": True, "refused": {"a": 1}}


@on_sqlite
async def test_an_overridden_service_answers_where_fastapi_is_skipped_too(api: Api, alice: httpx.AsyncClient) -> None:
    class Closed:
        async def refresh(self, *_: Any) -> NoReturn:
            raise RefreshTokenInvalid("closed")

    api.app.dependency_overrides[provider(SessionService)] = Closed
    assert error_of(await alice.post("/refresh")) == (403, "refresh_token_invalid", "closed")


@on_sqlite
async def test_an_overridden_authenticator_decides_where_fastapi_is_skipped_too(
    api: Api, alice: httpx.AsyncClient
) -> None:
    class Expired:
        async def authenticate(self, _: str | None) -> Principal:
            raise AccessTokenExpired

    api.app.dependency_overrides[provider(Authenticator)] = Expired
    for path in ("/profile", "/auth/verify", "/api/account"):
        assert error_of(await alice.get(path)) == (401, "token_expired", "Token expired")


@on_sqlite
async def test_a_middleware_of_an_embedding_program_sees_the_requests_where_fastapi_is_skipped_too(api: Api) -> None:
    seen = []

    class Watching:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["path"])
            await self._app(scope, receive, send)

    api.app.add_middleware(Watching)
    for path in ("/profile", "/auth/verify", "/api/account"):
        assert (await api.client().get(path)).status_code == 401
    assert (await api.client().post("/refresh")).status_code == 401
    assert seen == ["/profile", "/auth/verify", "/api/account", "/refresh"]
