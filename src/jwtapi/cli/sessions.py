"""`jwtapi sessions prune`."""

import typer

from jwtapi.cli.running import run_with_services
from jwtapi.housekeeping import Housekeeping

app = typer.Typer(help="Administer sessions.", no_args_is_help=True)


@app.callback()
def sessions() -> None:
    """Administer sessions."""


@app.command()
def prune() -> None:
    """Delete the sessions that have ended, as a running server does once a minute."""
    pruned = run_with_services(lambda services: services[Housekeeping].prune("sessions"))
    typer.echo(f"Sessions deleted: {pruned}.")
