"""`require_role`, as a program that embeds jwtapi uses it: the example in docs/roles.md."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from jwtapi.authentication.dependencies import PrincipalDep, require_role
from jwtapi.authentication.documentation import role_errors
from jwtapi.principal import Principal
from jwtapi.web.documentation import error_responses
from jwtapi.web.routes import StrictRoute
from tests.conftest import JWT_SECRET, REFRESH_SECRET, RunApi, on_sqlite
from tests.sessions.test_cache import until_changes_are_heard
from tests.support.api import PASSWORD, Api, error_of, register, sign_in

PAGE = Path(__file__).parents[2] / "docs/roles.md"
NOT_ALLOWED = (403, "role_required", "The role staff is required")

reports = APIRouter(
    prefix="/reports",
    route_class=StrictRoute,
    dependencies=[Depends(require_role("staff"))],
    responses=error_responses(*role_errors("staff")),
)


@reports.get("")
async def list_reports(principal: PrincipalDep) -> dict[str, str]:
    return {"for": principal.username}


@reports.delete("/{report}", responses=error_responses(*role_errors("admin")))
async def delete_report(report: str, by: Annotated[Principal, Depends(require_role("admin"))]) -> dict[str, str]:
    return {report: by.username}


@pytest.fixture
async def api(api: Api) -> Api:
    api.app.include_router(reports)
    return api


async def test_an_endpoint_requires_the_roles_of_its_router_and_its_own(api: Api, alice: httpx.AsyncClient) -> None:
    assert error_of(await api.client().get("/reports"))[:2] == (401, "access_token_required")
    assert error_of(await alice.get("/reports")) == NOT_ALLOWED
    await api.set_roles("staff", "Admin")
    await sign_in(alice)
    assert (await alice.get("/reports")).json() == {"for": "alice"}
    assert error_of(await alice.delete("/reports/7"))[:2] == (403, "role_required")
    await api.set_roles("staff", "admin")
    assert (await (await sign_in(alice)).delete("/reports/7")).json() == {"7": "alice"}
    await api.set_roles("admin")
    assert error_of(await (await sign_in(alice)).delete("/reports/7")) == NOT_ALLOWED


@on_sqlite
@pytest.mark.usefixtures("api")
async def test_the_document_lists_the_errors_as_the_server_answers_them(alice: httpx.AsyncClient) -> None:
    described = (await alice.get("/openapi.json")).json()["paths"]["/reports"]["get"]
    examples = {
        status: {code: example["value"] for code, example in answer["content"]["application/json"]["examples"].items()}
        for status, answer in described["responses"].items()
        if status in {"401", "403"}
    }
    assert examples["401"].keys() == {"access_token_required", "token_expired", "token_invalid"}
    assert examples["403"] == {"role_required": (await alice.get("/reports")).json()}
    assert {scheme for either in described["security"] for scheme in either} == {"Password", "AccessToken"}


async def test_a_role_given_or_taken_away_by_a_command_holds_in_another_process(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        another.app.include_router(reports)
        await until_changes_are_heard(another)
        alice = await one.signed_in()
        guest = another.client(Authorization=alice.headers["authorization"])
        assert error_of(await guest.get("/reports")) == NOT_ALLOWED
        await one.set_roles("staff")
        token = (await alice.post("/refresh")).json()["accessToken"]
        guest.headers["Authorization"] = f"Bearer {token}"
        assert (await guest.get("/reports")).json() == {"for": "alice"}  # at once, although the news may be under way
        await one.set_roles()
        while (response := await guest.get("/reports")).status_code == 200:
            await asyncio.sleep(0)
        assert error_of(response)[:2] == (401, "token_invalid")
        token = (await alice.post("/refresh")).json()["accessToken"]
        guest.headers["Authorization"] = f"Bearer {token}"
        assert error_of(await guest.get("/reports")) == NOT_ALLOWED


@asynccontextmanager
async def started(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.example") as client,
    ):
        yield client


@on_sqlite
async def test_the_program_in_the_documents_works(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET, "DATABASE_URL": database_url}
    monkeypatch.chdir(tmp_path)
    for name, value in (settings | {"BCRYPT_ROUNDS": "4"}).items():
        monkeypatch.setenv(name, value)
    (program,) = [
        code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "lifespan" in code
    ]
    module: dict[str, Any] = {}
    exec(program, module)  # noqa: S102  it is ours
    async with started(module["app"]) as client:
        await register(client)
        await sign_in(client)
        assert error_of(await client.get("/reports")) == NOT_ALLOWED
        assert (await client.post("/login", json={"username": "alice", "password": PASSWORD})).status_code == 200
