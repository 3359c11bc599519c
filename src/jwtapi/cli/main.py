"""`jwtapi serve | migrate | secrets | openapi | doctor | events`, and the groups of commands."""

import asyncio
import json
import signal
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperCommand

from jwtapi import __version__, server
from jwtapi.app import openapi_document
from jwtapi.cli import api_keys, clients, database, importing, keys, mail, sessions, users
from jwtapi.cli.checks.address import problem_of_listening
from jwtapi.cli.checks.database import warnings_of_database
from jwtapi.cli.checks.files import problems_of_database_mode, problems_of_env_file
from jwtapi.cli.checks.keys import check_signing_key
from jwtapi.cli.checks.limits import warnings_of_limits
from jwtapi.cli.checks.mail import warnings_of_templates
from jwtapi.cli.doctor import doctor, warnings_of
from jwtapi.cli.events import events
from jwtapi.cli.output import say, write
from jwtapi.cli.running import EXIT_CODES, exit_with_error, reporting_errors, reporting_in_log, settings_or_exit
from jwtapi.composition import settings_class
from jwtapi.env_file import SECRETS
from jwtapi.interpreter import interpreter_problems
from jwtapi.logs import configure_logging
from jwtapi.open_files import problems_of_open_files, raise_limit
from jwtapi.secret_strength import new_secret
from jwtapi.settings import ENV_FILE, Settings, load_settings_without_secrets
from jwtapi.storage.database import Database
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.waiting import retry_outages

app = typer.Typer(
    no_args_is_help=True,
    epilog=EXIT_CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001  as typer calls it
    if asked:
        say(f"jwtapi {__version__}")
        raise typer.Exit


@app.callback()
def jwtapi(
    version: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A self-hosted JWT authentication API."""


users.app.command("import")(importing.import_users)
users.app.command("export")(importing.export_users)
app.add_typer(users.app, name="user")
app.add_typer(clients.app, name="client")
app.add_typer(api_keys.app, name="api-key")
app.add_typer(sessions.app, name="sessions")
app.add_typer(mail.app, name="mail")
app.add_typer(keys.app, name="keys")
app.add_typer(database.app, name="db")
app.command()(doctor)
app.command()(events)


class _WaitingCommand(TyperCommand):
    """Adds an option whose value is optional, which typer does not support.

    `parse_args` is of Click; typer does not document it.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"{_WAIT}=inf" if word == _WAIT else word for word in args])


_WAIT = "--wait-for-database"

WaitForDatabase = Annotated[
    float,
    typer.Option(
        _WAIT,
        metavar="[=SECONDS]",
        min=0,
        show_default=False,
        help="Wait for a database that does not answer yet, for up to SECONDS. Without a number, wait without limit.",
    ),
]


@app.command(cls=_WaitingCommand)
@reporting_in_log()
def serve(
    host: Annotated[str | None, typer.Option(help="Overrides HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Overrides WORKERS.")] = None,
    wait_for_database: WaitForDatabase = 0,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    overrides = {"host": host, "port": port, "workers": workers}
    settings = settings_or_exit(**{name: value for name, value in overrides.items() if value is not None})
    configure_logging(settings.log_format, settings.log_level)
    log = structlog.get_logger()
    if (problem := problem_of_listening(settings)) is not None:
        exit_with_error(f"{problem}.")
    raise_limit()
    with reporting_errors():
        check_signing_key(settings)
        warnings = [
            *warnings_of(settings),
            *interpreter_problems(),
            *problems_of_open_files(),
            *problems_of_env_file(ENV_FILE),
            *warnings_of_templates(settings),
            *_prepare(settings, wait_for_database),
            *asyncio.run(warnings_of_limits(settings)),
        ]
        for warning in warnings:
            log.warning(warning)
        server.serve(settings)


@app.command(cls=_WaitingCommand)
def migrate(wait_for_database: WaitForDatabase = 0) -> None:
    """Bring the database's schema up to date."""
    with reporting_errors():
        settings = load_settings_without_secrets(kind=settings_class())
        configure_logging(settings.log_format, settings.log_level)
        _prepare(settings, wait_for_database)
    say("The schema is up to date.")


def _prepare(settings: Settings, wait_seconds: float) -> list[str]:
    """Call `_prepare_now`, and repeat it for `wait_seconds` while the database does not respond."""
    # As the first process of a container, this process only ends at a signal that it handles.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(retry_outages(lambda: _prepare_now(settings), wait_seconds))
    finally:
        signal.signal(signal.SIGTERM, before)


async def _prepare_now(settings: Settings) -> list[str]:
    """Migrate the database, check that the server can use it, and return warnings about it."""
    path = sqlite_path(settings.database_url.get_secret_value())
    database = Database.of(settings)
    try:
        await database.migrate()
        await database.rehearse_pooler()
        await database.rehearse_login()
        return [
            *(problems_of_database_mode(path) if path is not None else []),
            *await warnings_of_database(database, settings),
        ]
    finally:
        await database.close()


@app.command()
def secrets() -> None:
    """Print new random secrets, as lines for `.env`."""
    with reporting_errors():
        write(f"{name}={new_secret()}" for name in SECRETS)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document for these settings, also if DOCS_ENABLED is false."""
    with reporting_errors():
        settings = load_settings_without_secrets(kind=settings_class())
        write([json.dumps(openapi_document(settings), indent=2)])


def _state_exit_codes(group: typer.Typer) -> None:
    """Let the help of each command end with them."""
    for command in group.registered_commands:
        command.epilog = EXIT_CODES
    for each in group.registered_groups:
        if each.typer_instance is not None:
            _state_exit_codes(each.typer_instance)


_state_exit_codes(app)
