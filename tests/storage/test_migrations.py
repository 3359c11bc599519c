import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import create_migration_engine, with_transactions
from jwtapi.storage.migrations import VERSION_TABLE, Schema, UnusableSchema, known_revisions
from jwtapi.storage.schema import metadata
from jwtapi.storage.user_roles import rows_of
from jwtapi.urls.database import parse_database_url
from tests.conftest import JWT_SECRET, REFRESH_SECRET, MakeSettings
from tests.support.postgresql import PostgreSQL
from tests.support.server import clean_environment

ALEMBIC = Path(__file__).parents[2] / "alembic"


def differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "version_table": VERSION_TABLE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_migrations_make_the_tables_that_the_code_knows(make_settings: MakeSettings) -> None:
    url = make_settings().database_url.get_secret_value()
    database = Database(url)
    await database.migrate()
    await database.close()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_alembic_command_of_a_checkout_works_too_and_needs_no_secrets(tmp_path: Path) -> None:
    environment = clean_environment(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    alembic = Path(sys.executable).with_name("alembic")
    process = await asyncio.create_subprocess_exec(
        alembic, "upgrade", "head", env=environment, cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == 0
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await database.check()
    await database.close()


def test_each_migration_file_is_named_by_its_revision() -> None:
    scripts = ScriptDirectory(str(ALEMBIC))
    assert known_revisions() == tuple(script.revision for script in scripts.walk_revisions())


class Own:
    """An empty database, and SQL in it."""

    def __init__(self, url: str) -> None:
        self.url = parse_database_url(url)
        self.database = Database(self.url)

    async def run(self, *statements: str, **values: str) -> list[Any]:
        """The rows of the last one."""
        return await self._with_connection(
            lambda connection: [connection.execute(text(statement), values) for statement in statements][-1]
        )

    async def migrate_to(self, revision: str) -> None:
        """As a former version did, which kept its revision in Alembic's own table."""

        def run(connection: Connection) -> None:
            config = Config()
            config.set_main_option("script_location", str(ALEMBIC))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.execute(text("DROP TABLE jwtapi_schema_version"))
            connection.execute(text(EMPTY_ALEMBIC))
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})

        await self._with_connection(run)

    async def _with_connection(self, use: Callable[[Connection], Any]) -> list[Any]:
        def run(connection: Connection) -> list[Any]:
            result = use(connection)
            return [tuple(row) for row in result] if result is not None and result.returns_rows else []

        engine = create_migration_engine(self.url)
        async with with_transactions(engine).begin() as connection:
            rows = await connection.run_sync(run)
        await engine.dispose()
        return rows

    async def migrate(self) -> str:
        """Try to, and return what was wrong."""
        with pytest.raises(UnusableSchema) as error:
            await self.database.migrate()
        return str(error.value)


@pytest.fixture(params=("sqlite", "postgresql"))
async def own(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Own]:
    if request.param == "sqlite":
        own = Own(f"sqlite:///{tmp_path}/test.db")
    else:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        own = Own(postgresql.new_empty_database())
    yield own
    await own.database.close()


HEAD = known_revisions()[0]
USERS_OF_OTHERS = ("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)", "INSERT INTO users VALUES (1, 'a@b.c')")
EMPTY_ALEMBIC = "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"


@pytest.mark.parametrize("revision", ("4f2a9c0d1b7e", "0001", "0002", "9999", None))
async def test_the_alembic_table_of_another_program_is_neither_read_nor_changed(own: Own, revision: str | None) -> None:
    await own.run(EMPTY_ALEMBIC)
    if revision is not None:
        await own.run("INSERT INTO alembic_version VALUES (:revision)", revision=revision)
    with pytest.raises(OutdatedSchema):
        await own.database.check()
    await own.database.migrate()
    assert await own.database.check() is Schema.CURRENT
    await own.database.rehearse_login()
    assert await own.run("SELECT version_num FROM alembic_version") == ([(revision,)] if revision else [])
    assert await own.run("SELECT version_num FROM jwtapi_schema_version") == [(HEAD,)]


@pytest.mark.parametrize("revision", ("0001", "0002"))
async def test_the_schema_of_an_earlier_version_is_taken_over(own: Own, revision: str) -> None:
    await own.migrate_to(revision)
    await own.run("INSERT INTO events (id, at, type) VALUES (7, '2026-01-01 00:00:00', 'login.failed')")
    with pytest.raises(OutdatedSchema):
        await own.database.check()
    for _ in range(2):
        await own.database.migrate()
        assert await own.database.check() is Schema.CURRENT
    await own.database.rehearse_login()
    assert await own.run("SELECT id FROM events") == [(7,)]
    # The former version sees a later one there, on which it runs but from which it does not copy.
    assert await own.run("SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert await own.run("SELECT version_num FROM jwtapi_schema_version") == [(HEAD,)]


async def test_who_had_a_role_in_an_earlier_version_is_found_by_it(own: Own) -> None:
    await own.migrate_to("0002")
    await own.run(
        "INSERT INTO users (id, username, canonical_username, password_hash, roles, settings, created_at) "
        "VALUES ('00000000000040008000000000000001', 'a', 'a', 'x', '[\"staff\", \"admin\", \"staff\"]', '{}', "
        "'2026-01-01 00:00:00')"
    )
    await own.database.migrate()
    expected = {(row["id"], row["role"]) for row in rows_of(UUID(int=0x40008000000000000001), ["staff", "admin"])}
    assert {(UUID(str(id_)), role) for id_, role in await own.run("SELECT id, role FROM user_roles")} == expected


async def test_our_revision_is_found_beside_that_of_another_program_in_the_same_table(own: Own) -> None:
    await own.migrate_to("0002")
    await own.run("INSERT INTO alembic_version VALUES ('4f2a9c0d1b7e')")
    await own.database.migrate()
    assert await own.run("SELECT version_num FROM alembic_version ORDER BY 1") == [(HEAD,), ("4f2a9c0d1b7e",)]


@pytest.mark.parametrize("revision", ("4f2a9c0d1b7e", "0000", "10000", "", "000３"))
async def test_an_unknown_revision_is_an_error_and_not_a_later_version(own: Own, revision: str) -> None:
    await own.database.migrate()
    await own.run("UPDATE jwtapi_schema_version SET version_num = :revision", revision=revision)
    with pytest.raises(UnusableSchema, match=f"{VERSION_TABLE} has the revision '{revision}'"):
        await own.database.check()
    assert "Restore a backup" in await own.migrate()


async def test_the_schema_of_a_later_version_is_accepted(own: Own) -> None:
    await own.database.migrate()
    await own.run("UPDATE jwtapi_schema_version SET version_num = '9999'")
    await own.database.migrate()
    assert await own.database.check() is Schema.LATER


async def test_migrating_names_tables_of_other_programs_and_leaves_them_alone(own: Own) -> None:
    await own.run(*USERS_OF_OTHERS, EMPTY_ALEMBIC, "INSERT INTO alembic_version VALUES ('0002')")
    for _ in range(2):
        complaint = await own.migrate()
        assert complaint.startswith("The database has tables of these names that jwtapi did not make: users. ")
    with pytest.raises(UnusableSchema):
        await own.database.check()
    assert await own.run("SELECT id, email FROM users") == [(1, "a@b.c")]
    assert await own.run("SELECT version_num FROM alembic_version") == [("0002",)]


async def test_tables_of_other_programs_in_another_schema_do_not_matter(postgresql: PostgreSQL) -> None:
    own = Own(postgresql.new_empty_database())
    await own.run(*USERS_OF_OTHERS, EMPTY_ALEMBIC, "CREATE SCHEMA ours")
    name = make_url(own.url).database
    await own.run(f"ALTER DATABASE {name} SET search_path = ours, public")
    await own.database.migrate()
    await own.database.rehearse_login()
    assert await own.run("SELECT id, email FROM public.users") == [(1, "a@b.c")]
    await own.database.close()


async def test_a_migration_blocked_by_a_table_of_another_program_changes_nothing(own: Own) -> None:
    await own.run("CREATE TABLE things (id INTEGER)", "CREATE INDEX ix_events_at ON things (id)")
    complaint = await own.migrate()
    assert "ix_events_at" in complaint
    assert "Another program has that name: give jwtapi a database of its own." in complaint
    assert "\n" not in complaint
    with pytest.raises(OutdatedSchema):
        await own.database.check()


@pytest.mark.parametrize("table", ("users", "sessions", "events", "rate_limits"))
async def test_a_missing_or_replaced_table_is_found(own: Own, table: str) -> None:
    await own.database.migrate()
    await own.run(f"ALTER TABLE {table} RENAME TO away")
    with pytest.raises(StorageUnavailable):
        await own.database.rehearse_login()
    await own.run(f"CREATE TABLE {table} (id INTEGER)")
    with pytest.raises(StorageUnavailable):
        await own.database.rehearse_login()
    await own.run(f"DROP TABLE {table}", f"ALTER TABLE away RENAME TO {table}")
    await own.database.rehearse_login()


async def test_autogenerate_ignores_tables_of_other_programs(own: Own) -> None:
    await own.run(EMPTY_ALEMBIC, "CREATE TABLE things (id INTEGER)")
    await own.database.migrate()
    url = make_url(own.url)
    url = url.set(drivername="postgresql" if url.get_backend_name() == "postgresql" else "sqlite")
    environment = clean_environment(
        JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET, DATABASE_URL=url.render_as_string(hide_password=False)
    )
    alembic = Path(sys.executable).with_name("alembic")
    process = await asyncio.create_subprocess_exec(alembic, "check", env=environment, cwd=ALEMBIC.parent)
    assert await process.wait() == 0


async def test_a_login_of_a_running_server_and_a_migration_do_not_wait_for_each_other(postgresql: PostgreSQL) -> None:
    own = Own(postgresql.new_empty_database())
    await own.migrate_to("0002")
    await own.run(
        "INSERT INTO users VALUES (gen_random_uuid(), 'alice', 'alice', 'x', '[]', '{}', now())",
    )
    engine = create_migration_engine(own.url)
    async with engine.connect() as server, engine.connect() as observer:
        await server.execute(text("SELECT * FROM users FOR UPDATE"))
        migrating = asyncio.create_task(own.database.migrate())
        while not await waiting_for_locks(observer):
            await asyncio.sleep(0.01)
        await server.execute(text(ADD_SESSION))
        await server.commit()
        await migrating
    await engine.dispose()
    assert await own.database.check() is Schema.CURRENT
    await own.database.close()


ADD_SESSION = """
    INSERT INTO sessions (id, user_id, generation, key, created_at, refreshed_at, expires_at, ends_at)
    SELECT id, id, 0, 'key', now(), now(), now(), now() FROM users
"""


async def waiting_for_locks(connection: AsyncConnection) -> bool:
    rows = await connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted"))
    return rows.first() is not None
