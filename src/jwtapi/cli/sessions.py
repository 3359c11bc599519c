"""`jwtapi sessions prune`."""

import typer

from jwtapi.admin.service import AdminService
from jwtapi.cli.running import run_with_resources

app = typer.Typer(help="Administer sessions.", no_args_is_help=True)


@app.callback()
def sessions() -> None:
    """Administer sessions."""


@app.command()
def prune() -> None:
    """Delete the sessions that have expired or were revoked."""
    pruned = run_with_resources(lambda resources: AdminService(resources).prune_sessions())
    typer.echo(f"Deleted {pruned} sessions.")
