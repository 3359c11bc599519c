"""`jwtapi api-key create | list | revoke`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from jwtapi.api_keys.service import MAX_LIFETIME, ApiKeyService, CreatedKey, WantedKey
from jwtapi.caller import COMMAND_LINE
from jwtapi.cli.finding import user_named
from jwtapi.cli.output import AsJson, columns, json_line, say, visible, write
from jwtapi.cli.running import ExitCode, exit_with_error, run_with_services
from jwtapi.cli.several import IfExists, run_for_each
from jwtapi.errors import NotFound
from jwtapi.services import Services
from jwtapi.storage.api_keys import ApiKey

_PAGE = 1000

app = typer.Typer(help="Administer API keys, by which programs act as a user.", no_args_is_help=True)


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="The name of the user. A service account can have keys too.")],
    name: Annotated[str, typer.Option(help="What the key is for: at most 64 characters.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role of the user that the key has. Repeat for more roles. Without it: all of the user's."),
    ] = None,
    no_role: Annotated[bool, typer.Option("--no-role", help="The key has no role.")] = False,  # noqa: FBT002  an option, by name
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=MAX_LIFETIME.days, help="Without it, the key never expires.")
    ] = None,
) -> None:
    """Make a key, and print it.

    It is shown only now. Standard output has nothing else, so that it can be piped into a file.
    """
    if role and no_role:
        raise typer.BadParameter("--role and --no-role contradict each other")
    roles = role or ([] if no_role else None)

    async def run(services: Services) -> CreatedKey:
        owner = await user_named(services, user)
        lifetime = timedelta(days=expires_in_days) if expires_in_days is not None else None
        wanted = WantedKey(name, roles, services.clock() + lifetime if lifetime is not None else None)
        return await services[ApiKeyService].create(owner.id, wanted, COMMAND_LINE)

    created = run_with_services(run)
    typer.echo(f"Made the key {created.key.id} of {user}. It is shown only now.", err=True)
    say(created.text)


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Argument(help="The name of a user. Without it, the keys of all users.")] = None,
    as_json: AsJson = False,  # noqa: FBT002  an option, by name
) -> None:
    """List id, user, name, roles, date of creation, expiry and last use. A hyphen: all roles, or never."""

    async def run(services: Services) -> None:
        def line(key: ApiKey, username: str) -> str:
            return json_line(_document(key, username)) if as_json else columns(*_cells(key, username))

        keys = services[ApiKeyService]
        if user is not None:
            owner = await user_named(services, user)
            write(line(key, owner.username) for key in await keys.list(owner.id))
            return
        page = await keys.page(limit=_PAGE)
        while page:
            write(line(owned.key, owned.username) for owned in page)
            last = page[-1].key
            page = await keys.page(before=(last.created_at, last.id), limit=_PAGE)

    run_with_services(run)


@app.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The ids of keys, as `list` prints them.")],
    if_exists: IfExists = False,  # noqa: FBT002  an option, by name
) -> None:
    """Refuse keys from now on, permanently. Every server does so within 100 ms."""
    try:
        parsed = [str(UUID(each)) for each in ids]
    except ValueError:  # it may be a key, which is not repeated
        exit_with_error("This is no id of a key: see `jwtapi api-key list`.", code=ExitCode.WRONG_USAGE)

    async def act(services: Services, key_id: str) -> list[str]:
        try:
            revoked = await services[ApiKeyService].revoke_of_anybody(UUID(key_id), COMMAND_LINE)
        except NotFound:
            raise NotFound(f"There is no key {key_id}.") from None
        return [visible(f"Revoked {revoked.name}.")]

    run_for_each(parsed, act, if_exists=if_exists)


def _cells(key: ApiKey, username: str) -> Iterator[str | None]:
    yield from (str(key.id), username, key.name, _roles(key.roles))
    for at in (key.created_at, key.expires_at, key.last_used_at):
        yield f"{at:%Y-%m-%d}" if at is not None else None


def _roles(roles: Sequence[str] | None) -> str | None:
    return ",".join(roles) or "none" if roles is not None else None


def _document(key: ApiKey, username: str) -> Mapping[str, Any]:
    return {
        "id": key.id,
        "userId": key.user_id,
        "username": username,
        "name": key.name,
        "roles": key.roles,
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "lastUsedAt": key.last_used_at,
    }
