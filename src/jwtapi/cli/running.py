"""How a command gets its settings and services, and how it fails: one line on stderr that says what to do, exit 1."""

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
def failing_in_the_log() -> Iterator[None]:
    """Let what is told be lines of the log, in the form that LOG_FORMAT wants, even if other settings are unusable."""
    token = _in_log.set(True)
    try:
        yield
    finally:
        _in_log.reset(token)


def tell(sentence: str, problems: Sequence[str] = (), *, level: int = logging.INFO) -> None:
    """Write to stderr: for people, or while the server starts as one line of JSON, like those that follow."""
    if _in_log.get() and not is_for_people(load_log_format()):
        log = structlog.wrap_logger(structlog.WriteLogger(sys.stderr), processors=_PROCESSORS)
        log.log(level, sentence, **({"problems": list(problems)} if problems else {}))
    else:
        typer.echo("\n".join((sentence, *(f"  {problem}" for problem in problems))), err=True)


def fail(sentence: str, problems: Sequence[str] = ()) -> NoReturn:
    tell(sentence, problems, level=logging.ERROR)
    raise typer.Exit(1)


@contextmanager
def failing_clearly() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        fail("The configuration is unusable.", error.problems)
    except OutdatedSchema:
        fail("DATABASE_URL: the database schema is out of date: run `jwtapi migrate`.")
    except UnusableSchema as error:
        fail(f"DATABASE_URL: {error}")
    except StorageUnavailable as error:
        fail(f"DATABASE_URL: {describe(error)}")
    except RolesInvalid as error:
        fail(str(error))
    except JwtapiError as error:
        fail(error.message)


def settings_or_exit(**overrides: Any) -> Settings:
    """Read the settings, for a server; in development, make the secrets that are missing and say so."""
    with failing_clearly():
        # Everything else must be right before anything is written.
        if load_settings_without_secrets(kind=settings_class(), **overrides).environment is Environment.DEVELOPMENT:
            try:
                made = add_missing_secrets(ENV_FILE)
            except EnvFileError as error:
                raise SettingsError(error.problems) from None
            except OSError as error:
                fail(
                    f"Cannot write {ENV_FILE}: {error.strerror}. Set JWT_SECRET and REFRESH_SECRET (`jwtapi secrets`)."
                )
            if made:
                tell(f"Wrote fresh random {' and '.join(made)} to {ENV_FILE}.")
        return load_settings(kind=settings_class(), **overrides)


def run_with_services(use: Callable[[Services], Awaitable[T]], *, makes_database: bool = False) -> T:
    """Open everything on a database of this version's schema, run `use`, close. Nothing that it uses needs a secret."""

    async def run(settings: Settings) -> T:
        async with open_services(settings) as services:
            await _prepare(services[Database])
            return await use(services)

    with failing_clearly():
        settings = load_settings_without_secrets(kind=settings_class())
        path = sqlite_path(settings.database_url.get_secret_value())
        if not makes_database and path is not None and _is_missing(path):
            fail(f"DATABASE_URL: there is no {path}. Run this where the server runs, or name its database.")
        return asyncio.run(run(settings))


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # whoever opens it says why it cannot be
        return False


async def _prepare(database: Database) -> None:
    """Migrate the embedded database. Another may be in use by an earlier version: `serve` or `migrate` does that.

    Raises:
        OutdatedSchema: that has not been done.
    """
    if database.is_sqlite:
        await database.migrate()
    await database.check()
