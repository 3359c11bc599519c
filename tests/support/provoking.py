"""Provokes the errors of an operation, to hold them against the OpenAPI document.

The tests of a feature may have a module `provoked`: `PROVOKED` has how to provoke each error code of the feature, and
`SETTINGS` has the settings with which a code can occur. `tests/web/test_openapi.py` finds it.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import httpx

from jwtapi.composition import FEATURES
from tests.support.api import PASSWORD, Api, sign_in

RIGHT = {"username": "alice", "password": PASSWORD}


async def alice(api: Api) -> httpx.AsyncClient:
    """A client at an address of its own that has signed in as alice, who is registered by whichever asks first."""
    client = api.client(f"203.0.113.{next(_addresses)}")
    await client.post("/register", json=RIGHT)
    return await sign_in(client)


_addresses = itertools.cycle(range(1, 255))

Provoke = Callable[[Api, str, str], Awaitable[httpx.Response]]


def by(headers: Any = None, **request: Any) -> Provoke:
    """Provoke an error by this request of a signed-in client."""

    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        client = await alice(api)
        return await client.request(method, path, headers=headers, **request)

    return provoke


def by_nobody(headers: Any = None, **request: Any) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        return await api.client().request(method, path, headers=headers, **request)

    return provoke


def provoked_by_features() -> Iterator[ModuleType]:
    """The modules `provoked` in the tests of the features."""
    for feature in FEATURES:
        name = f"tests.features.{feature}.provoked"
        if find_spec(name) is not None:
            yield import_module(name)
