"""API keys for tests."""

from typing import Any

import httpx

from jwtapi.api_keys.service import ApiKeyService, CreatedKey, WantedKey
from jwtapi.caller import COMMAND_LINE
from tests.support.api import Api


async def make_key(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """Make a key of the signed-in user, and return the answer."""
    response = await client.post("/api/keys", json={"name": "backup"} | members)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def create_key(api: Api, username: str = "alice", **wanted: Any) -> CreatedKey:
    """Make a key of a user as the command line does."""
    user = await api.user(username)
    return await api.services[ApiKeyService].create(user.id, WantedKey(**{"name": "backup"} | wanted), COMMAND_LINE)


def with_key(api: Api, key: str) -> httpx.AsyncClient:
    return api.client(Authorization=f"Bearer {key}")


async def roles_of(client: httpx.AsyncClient) -> list[str] | None:
    """Return the roles with which the client is let in, or None if it is not."""
    response = await client.get("/auth/verify")
    if response.status_code == 401:
        return None
    assert response.status_code == 204, response.text
    return [role for role in response.headers["x-auth-roles"].split(",") if role]
