"""Runs the migrations, which travel in the wheel as `jwtapi/migrations` and lie in `alembic/` in a checkout."""

from enum import Enum, auto
from functools import cache
from pathlib import Path

import structlog
from sqlalchemy import Connection, func, select

log = structlog.get_logger()

_LOCK = int.from_bytes(b"jwtapi")
"""The key of an advisory lock; any number will do that no other program uses."""


def _scripts() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "alembic"


class Schema(Enum):
    """What a database has, as seen by this version."""

    OUTDATED = auto()
    """No schema, or an earlier one."""
    CURRENT = auto()
    LATER = auto()
    """One that a later version made. A version works with the next one's too: migrations add before they remove."""


@cache
def known_revisions() -> tuple[str, ...]:
    """Newest first. A file's name begins with its revision."""
    return tuple(sorted((path.name[:4] for path in _scripts().glob("versions/[0-9]*.py")), reverse=True))


def schema_of(connection: Connection) -> Schema:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return Schema.OUTDATED
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    known = known_revisions()
    if revision is None or revision in known[1:]:
        return Schema.OUTDATED
    return Schema.CURRENT if revision == known[0] else Schema.LATER


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the transaction of the connection."""
    if connection.dialect.name == "postgresql":
        # Of several at once one goes on, and who waited finds nothing to do; SQLite's lock came with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    match schema_of(connection):
        case Schema.OUTDATED:
            # Only who needs it pays for it: 11 MB, and a third of the time that a start takes.
            from alembic import command  # noqa: PLC0415
            from alembic.config import Config  # noqa: PLC0415

            config = Config()
            config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        case Schema.LATER:
            log.warning("a later version has migrated the database; this one may run on it if it is the one before")
