"""`jwtapi client create | list | delete`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from jwtapi.caller import COMMAND_LINE
from jwtapi.cli.output import AsJson, columns, json_line, say, visible, write
from jwtapi.cli.running import run_with_services
from jwtapi.cli.several import IfExists, run_for_each
from jwtapi.clients.errors import ClientNameTaken
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService, NewClient
from jwtapi.features.admin_activity.schemas import ListedClient
from jwtapi.services import Services
from jwtapi.storage.clients import Client

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
    if_not_exists: Annotated[  # noqa: FBT002
        bool, typer.Option("--if-not-exists", help="A client that exists stays as it is, and is no failure.")
    ] = False,
) -> None:
    """Create a client, and print its id and its secret.

    The secret is shown only now. Standard output has nothing else, so that both can be piped into a file.
    """
    if scope and no_scope:
        raise typer.BadParameter("--scope and --no-scope contradict each other")
    scopes = scope or ([] if no_scope else [Scope.INTROSPECT])

    async def run(services: Services) -> NewClient | None:
        try:
            return await services[ClientService].create(name, scopes, COMMAND_LINE)
        except ClientNameTaken:
            if not if_not_exists:
                raise
            return None

    if (new := run_with_services(run, makes_database=True)) is None:
        typer.echo(f"{name} exists. Its secret cannot be shown again.", err=True)
        return
    typer.echo(f"Created {name}. The secret is shown only now.", err=True)
    say(f"CLIENT_ID={new.client.id}")
    say(f"CLIENT_SECRET={new.secret}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:  # noqa: FBT002  an option, by name
    """List name, id, date of creation and scopes."""

    async def run(services: Services) -> None:
        clients = await services[ClientService].list()
        write(json_line(ListedClient.of(each)) if as_json else columns(*_cells(each)) for each in clients)

    run_with_services(run)


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The names of clients.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,  # noqa: FBT002  an option, by name
    if_exists: IfExists = False,  # noqa: FBT002
) -> None:
    """Delete clients. Their secrets and their tokens are refused immediately.

    Users that they signed in can go on until their access tokens expire.
    """
    if not yes:
        typer.confirm(f"Delete {visible(', '.join(names))}?", abort=True)

    async def act(services: Services, name: str) -> list[str]:
        await services[ClientService].delete(name, COMMAND_LINE)
        return [f"Deleted {name}."]

    run_for_each(names, act, if_exists=if_exists)


def _cells(client: Client) -> Sequence[str]:
    return client.name, str(client.id), f"{client.created_at:%Y-%m-%d}", ",".join(client.scopes)
