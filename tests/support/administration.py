"""Administrators, and what they do to users over HTTP."""

import itertools
from typing import Any

import httpx

from jwtapi.caller import COMMAND_LINE
from jwtapi.sign_in.documentation import example_password
from jwtapi.users.service import UserService
from tests.support.api import Api, sign_in

USERS = "/api/admin/users"
_addresses = itertools.cycle(range(1, 255))


async def administrator(api: Api, username: str = "root") -> httpx.AsyncClient:
    """Make a client that has just signed in as an administrator, who is registered by whichever asks first."""
    password = example_password(api.services.settings.password_min_length)
    if not await api.sql(f"SELECT id FROM users WHERE canonical_username = '{username}'"):  # noqa: S608  a name of ours
        users = api.services[UserService]
        await users.register(username, password, COMMAND_LINE, roles=["admin"], may_be_reserved=True)
    return await sign_in(api.client(f"198.51.100.{next(_addresses)}"), username, password)


async def path_of(api: Api, username: str = "alice") -> str:
    """Return the path of a user in the administration."""
    return f"{USERS}/{(await api.user(username)).id}"


async def change(admin: httpx.AsyncClient, path: str, **members: Any) -> httpx.Response:
    return await admin.patch(path, json=members)


async def create(admin: httpx.AsyncClient, username: str, **members: Any) -> dict[str, Any]:
    """Create a user, and return the answer."""
    response = await admin.post(USERS, json={"username": username} | members)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error, whatever other members it has."""
    return response.status_code, response.json()["code"]
