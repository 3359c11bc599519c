"""`jwtapi serve | migrate | secrets | doctor`, and the groups `user` and `sessions`."""

import asyncio
from typing import Annotated

import structlog
import typer

from jwtapi import server
from jwtapi.app import create_app
from jwtapi.cli import sessions, users
from jwtapi.cli.doctor import doctor, warnings_of
from jwtapi.cli.running import failing_clearly, prepare, settings_or_exit
from jwtapi.env_file import SECRETS
from jwtapi.logs import configure_logging
from jwtapi.resources import open_resources
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
app.command()(doctor)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Overrides HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides PORT.")] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_or_exit(**overrides)
    configure_logging(settings.log_format)
    log = structlog.get_logger()
    for warning in warnings_of(settings):
        log.warning(warning)
    with failing_clearly():
        server.run_on_fastest_loop(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        await prepare(resources.database)
        await server.serve(create_app(resources), settings)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = settings_or_exit()

    async def run() -> None:
        database = Database(settings.database_url.get_secret_value())
        try:
            await database.migrate()
        finally:
            await database.close()

    with failing_clearly():
        asyncio.run(run())
    typer.echo("The schema is up to date.")


@app.command()
def secrets() -> None:
    """Print fresh random secrets, as lines for `.env`."""
    for name in SECRETS:
        typer.echo(f"{name}={new_secret()}")
