"""Provokes the errors of an operation, to hold them against the OpenAPI document.

The tests of a feature may have a module `provoked`, which `tests/web/test_openapi.py` finds:

- `PROVOKED` has how to provoke each error code of the feature. A key `(code, path)` holds for one path only, also for
  codes of other packages.
- `SETTINGS` has the settings with which a code can occur.
- `BODIES` has, by path, the arguments of a request that is right in form, and that a limit counts.
- `WRONG` has, by path, the JSON that provokes `validation_failed` as in the example of the document.
- `PATHS` has, by path, what to request in place of a path with parameters.
- `REQUESTS` has, by the id of an operation, how to send a request that succeeds, if the example of the document cannot
  work as it is. It gets the API and the client that has signed in.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import httpx
from sqlalchemy import delete

from jwtapi.composition import FEATURES
from jwtapi.storage.database import Database
from jwtapi.storage.held_names import held_names
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.support.api import PASSWORD, Api, sign_in

RIGHT = {"username": "alice", "password": PASSWORD}


async def alice(api: Api) -> httpx.AsyncClient:
    """A client at an address of its own that has signed in as alice, who is registered by whichever asks first."""
    client = api.client(f"203.0.113.{next(_addresses)}")
    await api.services[Database].write(_release_names)  # one of the requests may have deleted alice
    await client.post("/register", json=RIGHT)
    return await sign_in(client)


def _release_names(uow: UnitOfWork) -> None:
    uow.connection.execute(delete(held_names))


_addresses = itertools.cycle(range(1, 255))

Provoke = Callable[[Api, str, str], Awaitable[httpx.Response]]
Request = Callable[[Api, httpx.AsyncClient], Awaitable[httpx.Response]]


def by(headers: Any = None, **request: Any) -> Provoke:
    """Provoke an error by this request of a signed-in client."""

    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        client = await alice(api)
        return await client.request(method, real_path(path), headers=headers, **request)

    return provoke


def by_nobody(headers: Any = None, **request: Any) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        return await api.client().request(method, real_path(path), headers=headers, **request)

    return provoke


def provoked_by_features() -> Iterator[ModuleType]:
    """The modules `provoked` in the tests of the features."""
    for feature in FEATURES:
        name = f"tests.features.{feature}.provoked"
        if find_spec(name) is not None:
            yield import_module(name)


@cache
def declared(name: str) -> dict[Any, Any]:
    """Return a table of the modules `provoked`, such as BODIES, of all features together."""
    together: dict[Any, Any] = {}
    for module in provoked_by_features():
        for key, value in getattr(module, name, {}).items():
            # Several features can need settings for the same code.
            together[key] = together.get(key, {}) | value if name == "SETTINGS" else value
    return together


def real_path(path: str) -> str:
    """Return the path to request for a path of the document."""
    real: str = declared("PATHS").get(path, path)
    return real
