"""Runs the migrations on the connection that `jwtapi.storage.migrations` passes.

The `alembic` command in a checkout passes none. Then this file connects to DATABASE_URL itself.
"""

import asyncio
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from jwtapi.settings import load_settings_without_secrets
from jwtapi.storage.engine import create_migration_engine, with_transactions
from jwtapi.storage.migrations import VERSION_TABLE
from jwtapi.storage.schema import metadata


def is_ours(name: str | None, type_: str, _: Any) -> bool:
    """Limit autogenerate to our tables. Otherwise it would drop tables of other programs in the same database."""
    return type_ != "table" or name in metadata.tables


def write_type(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Let autogenerate write a type of ours as SQLAlchemy's type below it, because a migration imports no code of ours.

    False leaves what it writes as it is.
    """
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=is_ours,
        render_as_batch=True,
        render_item=write_type,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_the_command_line() -> None:
    from jwtapi.composition import settings_class  # noqa: PLC0415  this import loads the features, with their tables

    engine = create_migration_engine(
        load_settings_without_secrets(kind=settings_class()).database_url.get_secret_value()
    )
    async with with_transactions(engine).begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


connection = context.config.attributes.get("connection")
if connection is None:
    asyncio.run(run_from_the_command_line())
else:
    run(connection)
