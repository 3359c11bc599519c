"""Provides commands with settings and services, and decides how they end.

A command that fails prints what to do on stderr, and exits with a code of ExitCode.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import structlog
import typer

from jwtapi.cli.output import OutputClosed, visible
from jwtapi.clients.errors import ClientNameTaken
from jwtapi.composition import open_services, settings_class
from jwtapi.env_file import EnvFileError, add_missing_secrets
from jwtapi.errors import JwtapiError, NotFound, StorageUnavailable
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
from jwtapi.signing.errors import KeyExists, KeyRefused, UnknownKey
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.faults import describe
from jwtapi.storage.migrations import UnusableSchema
from jwtapi.users.errors import EmailTaken, UsernameTaken
from jwtapi.users.roles import RolesInvalid

T = TypeVar("T")


class ExitCode(IntEnum):
    """How a command has ended. Scripts rely on the numbers, so they never change."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    """The command has no such option or argument. typer exits with it too."""
    NOT_THERE = 3
    EXISTS = 4


EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not there, 4 exists already."


class Failure(NamedTuple):
    """What a command reports of an error."""

    sentence: str
    problems: Sequence[str] = ()
    code: ExitCode = ExitCode.FAILED


def failure_of(error: Exception) -> Failure | None:  # noqa: PLR0911  one for each kind of error
    """Return what to report of an error, and the exit code. Return None for an error that only a bug can raise."""
    match error:
        case SettingsError():
            return Failure("The configuration is unusable.", error.problems)
        case OutdatedSchema():
            return Failure("DATABASE_URL: the database schema is out of date: run `jwtapi migrate`.")
        case UnusableSchema():
            return Failure(f"DATABASE_URL: {error}")
        case StorageUnavailable():
            return Failure(f"DATABASE_URL: {describe(error)}")
        case KeyRefused():
            return Failure(f"{error}.", code=_code_of(error))
        case RolesInvalid():
            return Failure(str(error))
        case UnicodeEncodeError(encoding="utf-8"):  # of what a command gets, only its arguments can be so
            return Failure("An argument is not UTF-8.")
        case JwtapiError():
            return Failure(error.message, code=_code_of(error))
        case _:
            return None


def _code_of(error: JwtapiError | KeyRefused) -> ExitCode:
    match error:
        case NotFound() | UnknownKey():
            return ExitCode.NOT_THERE
        case UsernameTaken() | EmailTaken() | ClientNameTaken() | KeyExists():
            return ExitCode.EXISTS
        case _:
            return ExitCode.FAILED


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


def report_failure(failure: Failure) -> None:
    report(visible(failure.sentence), failure.problems, level=logging.ERROR)


def exit_with_error(sentence: str, problems: Sequence[str] = (), *, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    report_failure(Failure(sentence, problems))
    raise typer.Exit(code)


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Report errors that the block raises, and exit. If nobody reads the output any more, exit without a word."""
    try:
        yield
    except OutputClosed:
        raise typer.Exit(ExitCode.DONE) from None
    except Exception as error:
        if (failure := failure_of(error)) is None:
            raise
        exit_with_error(*failure[:2], code=failure.code)


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
