"""How to provoke the errors of sessions, and requests that succeed whatever others have asked before."""

from typing import Any

import httpx

from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.support.api import PASSWORD, Api, sign_in
from tests.support.provoking import by

PATHS = {"/api/sessions/{id}": f"/api/sessions/{EXAMPLE_ID}"}
PROVOKED: dict[Any, Any] = {
    "not_found": by(),
    "wrong_password": by(json={"password": "a wrong password"}),
}
WRONG: dict[str, Any] = {"/api/reauthenticate": {}}
BODIES = {"/api/reauthenticate": {"json": {"password": PASSWORD}}}
SETTINGS = {"too_many_attempts": {"reauthenticate_rate_limit": "2/minute"}}


async def list_one_session(_: Api, client: httpx.AsyncClient) -> httpx.Response:
    await client.delete("/api/sessions")
    return await client.get("/api/sessions")


async def end_the_session_of_another_client(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    password = example_password(api.services.settings.password_min_length)
    await sign_in(api.client(), password=password)
    listed = (await client.get("/api/sessions")).json()["sessions"]
    other = next(session["id"] for session in listed if not session["current"])
    return await client.delete(f"/api/sessions/{other}")


async def reauthenticate(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    password = example_password(api.services.settings.password_min_length)
    return await client.post("/api/reauthenticate", json={"password": password})


REQUESTS = {
    "reauthenticate": reauthenticate,
    "listSessions": list_one_session,
    "endSession": end_the_session_of_another_client,
}
