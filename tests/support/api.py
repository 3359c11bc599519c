"""An app on a real database, and clients that speak HTTP to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import httpx
from fastapi import FastAPI
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from jwtapi.app import _routed, create_app
from jwtapi.background import background_tasks
from jwtapi.composition import Tuning, open_services
from jwtapi.features.admin.service import AdminService
from jwtapi.services import Services
from jwtapi.settings import Settings
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.users import User
from jwtapi.web.request_body import SECONDS as BODY_SECONDS
from tests.support.clock import FakeClock
from tests.support.documented import DocumentedErrors

BASE_URL = "http://api.example"
PASSWORD = "correct horse battery staple"


@dataclass
class Api:
    app: FastAPI
    services: Services
    clock: FakeClock
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, address: str = "203.0.113.7", **headers: str) -> httpx.AsyncClient:
        """Make a client with separate cookies that calls from `address`. Undocumented errors fail the test."""
        transport = httpx.ASGITransport(self.app, client=(address, 50000), raise_app_exceptions=False)
        hooks = {"response": [DocumentedErrors(self.services.settings).check]}
        client = httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers, event_hooks=hooks)
        self._clients.append(client)
        return client

    async def signed_in(self, username: str = "alice", password: str = PASSWORD) -> httpx.AsyncClient:
        """Make a client that has registered and signed in. It has the cookies, and sends the access token."""
        client = self.client()
        await register(client, username, password)
        return await sign_in(client, username, password)

    @property
    def admin(self) -> AdminService:
        """The service that the command line uses to administer users."""
        return self.services[AdminService]

    async def user(self, username: str = "alice") -> User:
        """Return a user as stored now, by the canonical name."""
        user = await self.services[Database].read(lambda uow: uow.users.by_name(username))
        assert user is not None, f"there is no user {username}"
        return user

    async def disable(self, username: str = "alice") -> None:
        await self.admin.disable(username)

    async def enable(self, username: str = "alice") -> None:
        await self.admin.enable(username)

    async def delete(self, username: str = "alice") -> None:
        await self.admin.delete(username)

    async def set_password(self, password: str, username: str = "alice") -> None:
        await self.admin.set_password(username, password)

    async def set_roles(self, *roles: str, username: str = "alice") -> None:
        """Give the user these roles and no other."""
        before = (await self.user(username)).roles
        await self.admin.change_roles(username, add=roles, remove=before)

    async def import_password_hash(self, password_hash: str, username: str = "alice") -> None:
        """Store a hash that another system made, as an import by SQL does: there is no event."""
        user = await self.user(username)
        await self.services[Database].write(lambda uow: uow.users.set_password_hash(user.id, password_hash))

    async def events(self, username: str | None = "alice") -> list[Event]:
        """Return the events of a user. None means the events without a user."""
        user_id = (await self.user(username)).id if username is not None else None
        return await self.services[Database].read(lambda uow: uow.events.of_user(user_id))

    async def sql(self, statement: str) -> list[Any]:
        """Run a statement in the database of the API, and return its rows."""
        engine = create_async_engine(self.services.settings.database_url.get_secret_value(), poolclass=NullPool)
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def event_types(self, username: str | None = "alice") -> list[str]:
        return [event.type for event in await self.events(username)]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def running_api(
    settings: Settings,
    clock: FakeClock,
    *,
    body_seconds: float = BODY_SECONDS,
    **tuning: Any,
) -> AsyncIterator[Api]:
    """Run the app on a migrated database; `tuning` are fields of Tuning.

    Without a mail server, no worker looks for mails of other processes, because tests count units. A database that a
    busy machine makes slow is no outage.
    """
    tuning = {"database_seconds": 20} | tuning
    if settings.mail_url is None:
        tuning = {"mail_poll_seconds": 3600} | tuning
    async with open_services(settings, clock, Tuning(**tuning)) as services:
        await services[Database].migrate()
        async with background_tasks(services):
            with _app_of(services, body_seconds) as app:
                api = Api(app, services, clock)
                yield api
                await api.close()


_idle: list[tuple[str, FastAPI]] = []
"""Apps that no test uses now, with their settings, the last used one last."""
_MOST_IDLE = 4


@contextmanager
def _app_of(services: Services, body_seconds: float) -> Iterator[FastAPI]:
    """Provide an app, whose routes a test with the same settings may have used before.

    To make the routes takes longer than most tests. No other test gets an app to which one has added something.
    """
    settings = repr(services.settings.model_dump(exclude={"database_url"}))

    def routed(of: Settings, lifespan: Any = None) -> FastAPI:
        for number, (of_idle, app) in enumerate(_idle):
            if of_idle == settings:
                del _idle[number]
                return app
        return _routed(of, lifespan)

    with patch("jwtapi.app._routed", routed):
        app = create_app(services, body_seconds=body_seconds)
    routes = len(app.routes)
    yield app
    if len(app.routes) == routes and not app.user_middleware:
        app.dependency_overrides.clear()
        app.middleware_stack = app.openapi_schema = None
        _idle.append((settings, app))
        del _idle[:-_MOST_IDLE]


async def register(client: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD) -> httpx.Response:
    response = await client.post("/register", json={"username": username, "password": password})
    assert response.status_code == 201, response.text
    return response


async def sign_in(client: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD) -> httpx.AsyncClient:
    """Log in, and make the client send the access token."""
    response = await client.post("/login", json={"username": username, "password": password})
    assert response.status_code == 200, response.text
    client.headers["Authorization"] = f"Bearer {response.json()['accessToken']}"
    return client


def error_of(response: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message of an error, and check the form of its body."""
    body: dict[str, Any] = response.json()
    assert {"message", "code"} <= body.keys() <= {"message", "code", "errors", "error", "error_description"}
    return response.status_code, body["code"], body["message"]
