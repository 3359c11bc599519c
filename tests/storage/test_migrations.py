import asyncio
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from jwtapi.storage.database import Database
from jwtapi.storage.migrations import known_revisions
from jwtapi.storage.tables import metadata
from tests.conftest import MakeSettings


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


async def test_the_migrations_make_the_tables_that_the_code_knows(make_settings: MakeSettings) -> None:
    url = make_settings().database_url.get_secret_value()
    database = Database(url)
    await database.migrate()
    await database.close()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_alembic_command_of_a_checkout_works_too(tmp_path: Path) -> None:
    import sys  # noqa: PLC0415

    from tests.conftest import JWT_SECRET, REFRESH_SECRET  # noqa: PLC0415
    from tests.support.server import clean_environment  # noqa: PLC0415

    environment = clean_environment(
        JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET, DATABASE_URL=f"sqlite:///{tmp_path}/test.db"
    )
    alembic = Path(sys.executable).with_name("alembic")
    process = await asyncio.create_subprocess_exec(
        alembic, "upgrade", "head", env=environment, cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == 0
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await database.check()
    await database.close()


def test_the_names_of_the_files_tell_the_revisions() -> None:
    scripts = ScriptDirectory(str(Path(__file__).parents[2] / "alembic"))
    assert known_revisions() == tuple(script.revision for script in scripts.walk_revisions())
