"""A real PgBouncer between the servers and PostgreSQL, in both of its modes."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.pgbouncer import PGBOUNCER, running_pgbouncer
from tests.support.postgresql import OwnPostgreSQL, own_postgresql
from tests.support.server import JWTAPI, Server, await_readiness, clean_environment, free_port, running_servers

SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
SERVERS = 4
"""Connections to PostgreSQL, for two processes that want 11 each."""

pytestmark = pytest.mark.skipif(not PGBOUNCER, reason="needs PgBouncer")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with own_postgresql() as postgresql:
        yield postgresql


async def work(server: Server, name: str) -> list[int]:
    async with server.async_client() as client:
        await register(client, name)
        await sign_in(client, name)
        asked: list[httpx.Response] = []
        for _ in range(5):
            asked += [await client.post("/refresh"), await client.get("/profile"), await client.get("/api/settings")]
        asked += [await client.post("/logout"), await client.get("/profile")]
        return [answer.status_code for answer in asked]


async def see_that_all_is_well(one: Server, another: Server) -> None:
    """Much at a time, so that connections change hands; and a logout that the other server hears of."""
    statuses = await asyncio.gather(
        *(work(server, f"user{n}-{server.port}") for n in range(8) for server in (one, another))
    )
    assert Counter(map(tuple, statuses)) == {(200,) * 16 + (401,): 16}
    async with one.async_client() as alice, another.async_client() as guest:
        await register(alice)
        await sign_in(alice)
        guest.headers["Authorization"] = alice.headers["authorization"]
        assert (await guest.get("/profile")).status_code == 200
        assert (await alice.post("/logout")).status_code == 200
        while (await guest.get("/profile")).status_code == 200:
            pass


@pytest.mark.parametrize(("mode", "servers", "cache"), (("transaction", SERVERS, "0"), ("session", 40, "100")))
async def test_two_servers_work_through_pgbouncer(
    postgresql: OwnPostgreSQL, tmp_path: Path, mode: str, servers: int, cache: str
) -> None:
    url = postgresql.new_empty_database()
    with running_pgbouncer(postgresql, url, mode=mode, servers=servers) as through:
        settings = {"DATABASE_URL": through, "DATABASE_STATEMENT_CACHE": cache, "RATE_LIMIT_ENABLED": "false"}
        with running_servers(tmp_path, 2, **SECRETS, **settings) as (one, another):
            await see_that_all_is_well(one, another)
            with one.client() as client:
                await_readiness(client, 200)
            names = postgresql.execute(
                "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()", url
            )
            assert "jwtapi" in [name for (name,) in names]
        log = one.log.read_text() + another.log.read_text()
        assert '"level": "error"' not in log
        assert "the feed of changes is interrupted" not in log


@pytest.mark.parametrize("command", ("serve", "doctor"))
def test_a_pgbouncer_that_mixes_up_prepared_statements_is_reported(
    postgresql: OwnPostgreSQL, tmp_path: Path, command: str
) -> None:
    url = postgresql.new_database()
    with running_pgbouncer(postgresql, url, mode="transaction", servers=1) as through:

        def run(**settings: str) -> tuple[int, str]:
            environment = clean_environment(DATABASE_URL=through, PORT=str(free_port()), **SECRETS, **settings)
            result: Any = subprocess.run(
                [JWTAPI, command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            return result.returncode, result.stdout + result.stderr

        code, said = run()
        assert code == 1
        assert "A pooler loses prepared statements: set DATABASE_STATEMENT_CACHE=0, or upgrade the pooler." in said
        assert "Traceback" not in said
        if command == "doctor":
            assert "DATABASE_STATEMENT_CACHE" not in run(DATABASE_STATEMENT_CACHE="0")[1]
