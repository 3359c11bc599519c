"""`jwtapi serve | migrate | secrets | doctor`, and the groups `user`, `sessions` and `db`."""

import asyncio
from typing import Annotated

import structlog
import typer

from jwtapi import server
from jwtapi.cli import database, sessions, users
from jwtapi.cli.doctor import doctor, warnings_of
from jwtapi.cli.running import failing_clearly, settings_or_exit
from jwtapi.env_file import SECRETS
from jwtapi.interpreter import interpreter_problems
from jwtapi.logs import configure_logging
from jwtapi.secret_strength import new_secret
from jwtapi.settings import Settings
from jwtapi.storage.database import Database

app = typer.Typer(
    help="A self-hosted JWT authentication API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.app, name="user")
app.add_typer(sessions.app, name="sessions")
app.add_typer(database.app, name="db")
app.command()(doctor)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Overrides HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Overrides WORKERS.")] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    given = {"host": host, "port": port, "workers": workers}
    settings = settings_or_exit(**{name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_format)
    log = structlog.get_logger()
    for warning in warnings_of(settings) + interpreter_problems():
        log.warning(warning)
    with failing_clearly():
        asyncio.run(_migrate(settings))
        server.serve(settings)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = settings_or_exit()
    with failing_clearly():
        asyncio.run(_migrate(settings))
    typer.echo("The schema is up to date.")


async def _migrate(settings: Settings) -> None:
    database = Database(settings.database_url.get_secret_value())
    try:
        await database.migrate()
    finally:
        await database.close()


@app.command()
def secrets() -> None:
    """Print fresh random secrets, as lines for `.env`."""
    for name in SECRETS:
        typer.echo(f"{name}={new_secret()}")
