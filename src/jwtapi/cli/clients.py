"""`jwtapi client create | list | delete`."""

from typing import Annotated

import typer

from jwtapi.caller import COMMAND_LINE
from jwtapi.cli.running import run_with_services
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService

app = typer.Typer(help="Administer clients of OAuth2: services and apps.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of the client: letters, digits, dots, hyphens and underscores.")]


@app.command()
def create(
    name: Name,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help=f"What the client may do. Repeat for more scopes. Without it: {Scope.INTROSPECT}."),
    ] = None,
    no_scope: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--no-scope", help="The client only signs in users, or only gets tokens of its own.")
    ] = False,
) -> None:
    """Create a client, and print its id and its secret.

    The secret is shown only now. Standard output has nothing else, so that both can be piped into a file.
    """
    if scope and no_scope:
        raise typer.BadParameter("--scope and --no-scope contradict each other")
    scopes = scope or ([] if no_scope else [Scope.INTROSPECT])
    new = run_with_services(
        lambda services: services[ClientService].create(name, scopes, COMMAND_LINE), makes_database=True
    )
    typer.echo(f"Created {name}. The secret is shown only now.", err=True)
    typer.echo(f"CLIENT_ID={new.client.id}\nCLIENT_SECRET={new.secret}")


@app.command("list")
def list_() -> None:
    """List name, id, date of creation and scopes."""
    for client in run_with_services(lambda services: services[ClientService].list()):
        columns = (client.name, str(client.id), f"{client.created_at:%Y-%m-%d}", ",".join(client.scopes) or "-")
        typer.echo("\t".join(columns))


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,  # noqa: FBT002  an option, by name
) -> None:
    """Delete a client. Its secret and its tokens are refused immediately.

    Users that it signed in can go on until their access tokens expire.
    """
    if not yes:
        typer.confirm(f"Delete {name}?", abort=True)
    run_with_services(lambda services: services[ClientService].delete(name, COMMAND_LINE))
    typer.echo(f"Deleted {name}.")
