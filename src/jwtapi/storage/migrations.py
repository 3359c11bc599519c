"""Runs the migrations. They are in `jwtapi/migrations` in the wheel, and in `alembic/` in a checkout."""

import re
from enum import Enum, auto
from functools import cache
from pathlib import Path

import structlog
from sqlalchemy import Column, Connection, MetaData, String, Table, func, select, text, update
from sqlalchemy.exc import DBAPIError

from jwtapi.storage.faults import advice_on, has_answered, reason_of
from jwtapi.storage.schema import metadata

log = structlog.get_logger()

VERSION_TABLE = "jwtapi_schema_version"
"""Not Alembic's default name, because another program may use that one in the same database."""

_LOCK = int.from_bytes(b"jwtapi")
"""The key of an advisory lock. It can be any number that no other program uses."""

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))

# Versions up to revision 0002 used Alembic's default name.
_former_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_FORMER_REVISIONS = ("0001", "0002")
_FORMER_COLUMNS = {
    "users": {"id", "canonical_username", "password_hash", "settings", "disabled_at"},
    "sessions": {"id", "user_id", "generation", "key", "ends_at"},
    "events": {"id", "at", "type", "session_id", "request_id"},
}
"""Columns that both revisions had. They show that the revision in Alembic's table is one of jwtapi."""


class UnusableSchema(Exception):
    """The database has tables that jwtapi did not make, or cannot be migrated. The message states the reason."""


class Schema(Enum):
    """The schema of a database, compared with the one of this version."""

    OUTDATED = auto()
    """No schema, or an earlier one."""
    CURRENT = auto()
    LATER = auto()
    """A later version made it. If it is the next version's, this one works too: migrations add before they remove."""


def _scripts() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "alembic"


@cache
def known_revisions() -> tuple[str, ...]:
    """Return all revisions, the newest first. A file's name begins with its revision."""
    return tuple(sorted((path.name[:4] for path in _scripts().glob("versions/[0-9]*.py")), reverse=True))


def schema_of(connection: Connection) -> Schema:
    """Find out which schema the database has.

    Raises:
        UnusableSchema
    """
    revision = _revision_of(connection)
    if revision is None:
        if _former_revision_of(connection) is None:
            _refuse_tables_of_others(connection)
        return Schema.OUTDATED
    known = known_revisions()
    if revision in known:
        return Schema.CURRENT if revision == known[0] else Schema.OUTDATED
    if re.fullmatch(r"[0-9]{4}", revision) is None or revision < known[0]:
        raise UnusableSchema(
            f"The table {VERSION_TABLE} has the revision {revision[:32]!r}, which belongs to no version of jwtapi. "
            "Restore a backup, or give jwtapi a database of its own."
        )
    return Schema.LATER


def upgrade(connection: Connection) -> None:
    """Run the missing migrations in the transaction of the connection.

    Raises:
        UnusableSchema: there are tables that jwtapi did not make, or a migration failed. Roll back.
    """
    if _is_postgresql(connection):
        # If several processes migrate, one goes on, and the others wait here and then find nothing to do. On SQLite the
        # transaction itself has the lock.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    match schema_of(connection):
        case Schema.OUTDATED:
            _run_migrations(connection)
        case Schema.LATER:
            log.warning(
                "a later version has migrated the database; this one works with it only if it is the version before"
            )


def _run_migrations(connection: Connection) -> None:
    # Imported only when needed: it takes 11 MB, and a third of the time of a start.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    revision = _revision_of(connection)
    former = _former_revision_of(connection) if revision is None else None
    try:
        if _is_postgresql(connection) and (revision or former) is not None:
            # A login of a running server locks its user and then adds a session. If a migration held `sessions` and
            # then waited for `users`, each would wait for the other. This mode waits for such logins and lets all read.
            connection.execute(text("LOCK TABLE users IN EXCLUSIVE MODE"))
        if former is not None:
            command.stamp(config, former)
        command.upgrade(config, "head")
        if former is not None:
            _update_former_revision(connection, former)
    except DBAPIError as error:
        if not has_answered(error):
            raise
        raise UnusableSchema(
            f"The database could not be migrated, and was not changed: {reason_of(error)}. {advice_on(error)}"
        ) from error


def _update_former_revision(connection: Connection, former: str) -> None:
    """Update Alembic's table too, so that an earlier version notices that the schema is of a later one.

    The earlier version may go on serving, but must not copy.
    """
    connection.execute(
        update(_former_version).where(_former_version.c.version_num == former).values(version_num=known_revisions()[0])
    )


def _revision_of(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    return connection.execute(select(func.max(_version.c.version_num))).scalar()


def _former_revision_of(connection: Connection) -> str | None:
    """Return the revision in Alembic's table, if the other tables show that the revision is one of jwtapi.

    Another program may have the same revisions.
    """
    # Look at our tables first. Without them, Alembic's table belongs to another program, and we may have no right to
    # read it.
    if not all(columns <= _columns_of(connection, table) for table, columns in _FORMER_COLUMNS.items()):
        return None
    if not connection.dialect.has_table(connection, _former_version.name):
        return None
    known = _former_version.c.version_num.in_(_FORMER_REVISIONS)
    revision: str | None = connection.execute(select(func.max(_former_version.c.version_num)).where(known)).scalar()
    return revision


def _columns_of(connection: Connection, table: str) -> set[str]:
    if not connection.dialect.has_table(connection, table):
        return set()
    return {column["name"] for column in connection.dialect.get_columns(connection, table)}


def _refuse_tables_of_others(connection: Connection) -> None:
    # Check only our schema. Tables of the same names in later schemas of the search_path do no harm.
    schema = connection.execute(select(func.current_schema())).scalar() if _is_postgresql(connection) else None
    taken = [table for table in metadata.tables if connection.dialect.has_table(connection, table, schema=schema)]
    if taken:
        raise UnusableSchema(
            f"The database has tables of these names that jwtapi did not make: {', '.join(taken)}. "
            "They were not changed. Give jwtapi a database of its own, or on PostgreSQL a schema (search_path)."
        )


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
