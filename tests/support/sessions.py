"""Adds many sessions without logging in for each."""

from typing import Any
from uuid import uuid4

from sqlalchemy import NullPool, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from jwtapi.storage.sessions import sessions
from tests.support.api import Api


async def add_sessions(api: Api, count: int, **changes: Any) -> None:
    """Copy the only session `count` times, with these changes.

    A job that signs in each minute opens as many sessions.
    """
    columns = [column for column in sessions.c if column is not sessions.c.expires_on]
    engine = create_async_engine(api.services.settings.database_url.get_secret_value(), poolclass=NullPool)
    async with engine.begin() as connection:
        row = (await connection.execute(select(*columns))).mappings().first()
        assert row is not None
        await connection.execute(insert(sessions), [{**row, **changes, "id": uuid4()} for _ in range(count)])
