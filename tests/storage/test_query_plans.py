"""No statement that requests send looks through a whole table: what it costs does not grow with the number of users."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from jwtapi.composition import settings_class
from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.storage.database import Database
from jwtapi.storage.schema import metadata
from jwtapi.users.errors import LastAdministrator
from tests.conftest import RunApi
from tests.support.api import Api, register, sign_in
from tests.support.examples import Asker, document_of
from tests.support.statements import statements

LARGE = set(metadata.tables) - {"signing_keys", "clients"}
"""An installation has a few signing keys and clients, however many users it has, and reads them all."""


def scans(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """What the statement looks through from end to end."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row.detail for row in plan if (words := row.detail.split())[0] == "SCAN" and words[1] in LARGE]
    # Small tables are always looked through; without that choice it shows whether there is another one.
    connection.exec_driver_sql("SET enable_seqscan = off")
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    tree = json.loads(plan) if isinstance(plan, str) else plan
    scanned = [node["Relation Name"] for node in nodes(tree[0]["Plan"]) if node["Node Type"] == "Seq Scan"]
    return [table for table in scanned if table in LARGE]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def looks_for_rows(sql: str) -> bool:
    """Tell whether the statement is not one of those that readiness runs on no row."""
    return not sql.endswith(("WHERE 0 = 1", "WHERE false"))


async def use_everything(api: Api) -> None:
    client = api.client()
    await register(client)
    alice = await sign_in(client)
    await client.post("/login", json={"username": "alice", "password": "a wrong password"})
    await alice.get("/profile")
    await alice.get("/api/settings")
    await alice.patch("/api/settings", json={"theme": "dark"})
    used = client.cookies["refreshToken"]
    await alice.post("/refresh")
    api.clock.advance(11)
    late: httpx.Response = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
    assert late.status_code == 200
    await api.client(Authorization=f"Bearer {late.json()['accessToken']}").get("/profile")
    reuse: httpx.Response = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
    assert reuse.status_code == 403
    while await api.sql("SELECT max(arrived_generation) FROM sessions") != [(1,)]:
        await asyncio.sleep(0.01)
    for _ in range(4):
        await sign_in(client)
    await alice.post("/logout")
    await api.services[Housekeeping].clean_up()
    await api.services[Gauges].count_sessions()
    await api.set_roles("admin")
    with pytest.raises(LastAdministrator):
        await api.disable()
    await api.sql("UPDATE users SET disabled_at = created_at")  # who is disabled may go
    await api.set_roles("staff")
    await api.enable()
    await api.disable()
    await api.delete()
    api.clock.advance(3600)
    await api.services[Housekeeping].clean_up()
    await ask_every_operation(api)


async def ask_every_operation(api: Api) -> None:
    """As the examples in the OpenAPI document ask: so each operation of a feature is asked without an entry here."""
    answers = await Asker(api, await document_of(api)).ask_everything()
    assert [operation for operation, answer in answers.items() if answer.status_code >= 400] == []


async def test_every_statement_uses_an_index(run_api: RunApi) -> None:
    many = {name: "1000/minute" for name in settings_class().model_fields if name.endswith("_rate_limit")}
    public = {"public_url": "https://api.example", "passkey_origins": "https://app.example"}
    async with run_api(rate_limit_enabled=True, max_sessions_per_user=3, **public, **many) as api:
        with statements(api, looks_for_rows) as sent:
            await use_everything(api)
        explained = {
            statement: parameters[0] if isinstance(parameters, list) else parameters  # of the first of many rows
            for statement, parameters in sent
            if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
        }
        assert {name for statement in explained for name in metadata.tables if name in statement} == set(
            metadata.tables
        )
        found = await api.services[Database].read(  # on a connection with its drivers and codecs
            lambda uow: {
                statement: whole
                for statement, parameters in explained.items()
                if (whole := scans(uow.connection, statement, parameters))
            }
        )
        assert found == {}
