"""Runs the migrations, which travel in the wheel as `jwtapi/migrations` and lie in `alembic/` in a checkout."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


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
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
