"""Ctrl-C and kill -9 in the middle of `jwtapi db copy`."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from jwtapi.clock import system_clock
from jwtapi.storage.database import Database
from jwtapi.storage.events import events
from jwtapi.urls.database import parse_database_url
from tests.support.postgresql import PostgreSQL
from tests.support.server import JWTAPI, clean_environment

ROWS = 3500
WRITTEN = 1000
"""What a page holds."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to the migrated database."""
    url = parse_database_url(url)
    database = Database(url)
    await database.migrate()
    await database.close()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def count(connection: AsyncConnection) -> int:
    rows = (await connection.execute(select(func.count()).select_from(events))).scalar_one()
    await connection.rollback()
    return rows


async def somebody_waits_for_a_lock(connection: AsyncConnection) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    found = (await connection.exec_driver_sql(waiting)).scalar_one()
    await connection.rollback()
    return bool(found)


def row(id_: int) -> dict[str, object]:
    return {"id": id_, "at": system_clock(), "type": "login.failed"}


@pytest.mark.parametrize("signal_", (signal.SIGINT, signal.SIGKILL))
async def test_an_interrupted_copy_is_finished_by_the_next_one(
    tmp_path: Path, postgresql: PostgreSQL, signal_: signal.Signals
) -> None:
    async with connected(f"sqlite:///{tmp_path}/here.db") as here:
        await here.execute(insert(events), [row(id_) for id_ in range(1, ROWS + 1)])
        await here.commit()

    async def copy() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(JWTAPI, "db", "copy", "sqlite:///here.db", url),
            cwd=tmp_path,
            env=clean_environment(),
            # Ignored by us, if we run in a shell's background, it would be ignored there too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    url = postgresql.new_empty_database()
    async with connected(url) as there, connected(url) as in_the_way:
        # The second page waits to hear whether this row will be.
        await in_the_way.execute(insert(events), row(WRITTEN + 1))
        process = await copy()
        while not await somebody_waits_for_a_lock(there):
            assert process.returncode is None
            await asyncio.sleep(0.01)
        assert await count(there) == WRITTEN
        process.send_signal(signal_)
        _, stderr = await process.communicate()
        assert process.returncode != 0
        assert b"Traceback" not in stderr
        await in_the_way.rollback()
        assert await count(there) == WRITTEN

        process = await copy()
        stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr
        assert stdout.split()[-3:] == [b"equal", b"to", b"FROM."]
        assert await count(there) == ROWS
