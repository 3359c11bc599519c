"""Provides commands with settings and services.

A command that fails prints what to do on stderr and exits with status 1.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import structlog
import typer

from jwtapi.composition import open_services, settings_class
from jwtapi.env_file import EnvFileError, add_missing_secrets
from jwtapi.errors import JwtapiError, StorageUnavailable
from jwtapi.features.admin.roles import RolesInvalid
from jwtapi.logs import is_for_people
from jwtapi.services import Services
from jwtapi.settings import (
    ENV_FILE,
    Environment,
    Settings,
    SettingsError,
    load_log_format,
    load_settings,
    load_settings_without_secrets,
)
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.faults import describe
from jwtapi.storage.migrations import UnusableSchema

T = TypeVar("T")


_PROCESSORS = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(),
)

_in_log: ContextVar[bool] = ContextVar("in_log", default=False)


@contextmanager
def reporting_in_log() -> Iterator[None]:
    """Report as log lines inside the block, in the form of LOG_FORMAT, even if other settings are unusable."""
    token = _in_log.set(True)
    try:
        yield
    finally:
        _in_log.reset(token)


def report(sentence: str, problems: Sequence[str] = (), *, level: int = logging.INFO) -> None:
    """Write to stderr: text for people, or one line of JSON inside `reporting_in_log`."""
    if _in_log.get() and not is_for_people(load_log_format()):
        log = structlog.wrap_logger(structlog.WriteLogger(sys.stderr), processors=_PROCESSORS)
        log.log(level, sentence, **({"problems": list(problems)} if problems else {}))
    else:
        typer.echo("\n".join((sentence, *(f"  {problem}" for problem in problems))), err=True)


def exit_with_error(sentence: str, problems: Sequence[str] = ()) -> NoReturn:
    report(sentence, problems, level=logging.ERROR)
    raise typer.Exit(1)


@contextmanager
def reporting_errors() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        exit_with_error("The configuration is unusable.", error.problems)
    except OutdatedSchema:
        exit_with_error("DATABASE_URL: the database schema is out of date: run `jwtapi migrate`.")
    except UnusableSchema as error:
        exit_with_error(f"DATABASE_URL: {error}")
    except StorageUnavailable as error:
        exit_with_error(f"DATABASE_URL: {describe(error)}")
    except RolesInvalid as error:
        exit_with_error(str(error))
    except JwtapiError as error:
        exit_with_error(error.message)


def settings_or_exit(**overrides: Any) -> Settings:
    """Load the settings for a server. In development, make missing secrets and report that."""
    with reporting_errors():
        # Check all other settings before writing secrets.
        if load_settings_without_secrets(kind=settings_class(), **overrides).environment is Environment.DEVELOPMENT:
            try:
                made = add_missing_secrets(ENV_FILE)
            except EnvFileError as error:
                raise SettingsError(error.problems) from None
            except OSError as error:
                exit_with_error(
                    f"Cannot write {ENV_FILE}: {error.strerror}. Set JWT_SECRET and REFRESH_SECRET (`jwtapi secrets`)."
                )
            if made:
                report(f"Wrote new random {' and '.join(made)} to {ENV_FILE}.")
        return load_settings(kind=settings_class(), **overrides)


def run_with_services(
    use: Callable[[Services], Awaitable[T]], *, makes_database: bool = False, needs_secrets: bool = False
) -> T:
    """Open the services on a database with the schema of this version, run `use`, and close them.

    `needs_secrets` is for commands that make what the server verifies, such as a link. Other commands read no secrets.
    """

    async def run(settings: Settings) -> T:
        async with open_services(settings) as services:
            await _prepare(services[Database])
            return await use(services)

    with reporting_errors():
        settings = load_settings_without_secrets(kind=settings_class())
        path = sqlite_path(settings.database_url.get_secret_value())
        if not makes_database and path is not None and _is_missing(path):
            exit_with_error(
                f"DATABASE_URL: {path} does not exist. "
                "Run this command in the folder of the server, or set DATABASE_URL to its database."
            )
        return asyncio.run(run(settings_or_exit() if needs_secrets else settings))


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # opening the database will report the reason
        return False


async def _prepare(database: Database) -> None:
    """Migrate an SQLite database. Only `serve` and `migrate` migrate PostgreSQL, because an earlier version may use it.

    Raises:
        OutdatedSchema: a PostgreSQL database is not migrated.
    """
    if database.is_sqlite:
        await database.migrate()
    await database.check()
