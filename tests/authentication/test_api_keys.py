"""What API keys may do, and what not."""

import httpx
from fastapi import APIRouter, FastAPI

from jwtapi.authentication.dependencies import PrincipalDep
from jwtapi.web.dependencies import CallerDep
from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api
from tests.support.api_keys import create_key, make_key, with_key
from tests.support.examples import document_of, operations
from tests.support.provoking import real_path

LETS_IN = {
    "GET /profile",
    "GET /api/profile",
    "GET /api/account",
    "GET /api/settings",
    "PATCH /api/settings",
    "GET /auth/verify",
    # The administration, for keys with the role admin: reading, and what only takes away.
    "GET /api/admin/users",
    "GET /api/admin/users/{user_id}",
    "PATCH /api/admin/users/{user_id}",
    "DELETE /api/admin/users/{user_id}",
    "GET /api/admin/users/{user_id}/sessions",
    "DELETE /api/admin/users/{user_id}/sessions",
    "DELETE /api/admin/users/{user_id}/sessions/{session_id}",
    "GET /api/admin/users/{user_id}/keys",
    "DELETE /api/admin/users/{user_id}/keys/{key_id}",
    "GET /api/admin/keys",
    "GET /api/admin/events",
    "GET /api/admin/events/export",
    "GET /api/admin/clients",
    "DELETE /api/admin/clients/{id}",
    "GET /api/admin/mails",
    "POST /api/admin/mails/{id}/retry",
    "DELETE /api/admin/mails/{id}",
    "GET /api/admin/dashboard",
}
"""The operations that a key may use. No other operation may take one: it may have leaked from a program."""


@on_sqlite
async def test_a_key_is_let_in_where_it_is_listed_and_refused_by_every_other_operation(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        await api.signed_in()
        await api.set_roles("admin")
        keyed = with_key(api, (await create_key(api)).text)
        let_in: set[str] = set()
        refused: set[str] = set()
        for method, path, described in operations(await document_of(api)):
            if not any("AccessToken" in either for either in described["security"]):
                continue  # it does not look at the header
            response = await keyed.request(method, real_path(path))
            code = response.json().get("code") if response.content else None
            assert response.status_code != 401, (method, path, code)
            (refused if code == "session_required" else let_in).add(f"{method} {path}")
        assert let_in == LETS_IN
        assert {"POST /logout", "POST /api/keys", "PUT /api/password", "POST /api/reauthenticate"} <= refused
        assert await api.event_types() == [
            "user.registered",
            "login.succeeded",
            "user.roles_changed",
            "api_key.created",
        ]


async def test_an_act_by_a_key_names_the_key(api: Api, alice: httpx.AsyncClient) -> None:
    router = APIRouter()

    @router.get("/act")
    async def act(principal: PrincipalDep, caller: CallerDep) -> dict[str, bool]:
        return {"named": caller.key_id == principal.key_id, "by_key": caller.key_id is not None}

    assert isinstance(api.app, FastAPI)
    api.app.include_router(router)
    made = await make_key(alice)
    assert (await with_key(api, made["key"]).get("/act")).json() == {"named": True, "by_key": True}
    assert (await alice.get("/act")).json() == {"named": True, "by_key": False}
