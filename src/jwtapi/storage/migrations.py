"""Runs the migrations, which travel in the wheel as `jwtapi/migrations` and lie in `alembic/` in a checkout."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

_LOCK = int.from_bytes(b"jwtapi")
"""The key of an advisory lock; any number will do that no other program uses."""


def _scripts() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "alembic"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


@cache
def head_revision() -> str | None:
    """The schema that this version of jwtapi wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(connection: Connection) -> str | None:
    """The schema that the database has; None if it has none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the transaction of the connection."""
    if connection.dialect.name == "postgresql":
        # Of several at once one goes on; SQLite's lock was taken with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
