"""`jwtapi user list | show`."""

from typing import Annotated

import typer

from jwtapi.cli.finding import user_named
from jwtapi.cli.output import AsJson, columns, json_line, write
from jwtapi.cli.running import run_with_services
from jwtapi.cli.several import run_for_each
from jwtapi.features.admin.schemas import AdminUser
from jwtapi.services import Services
from jwtapi.storage.database import Database
from jwtapi.storage.user_search import Position, UserFilter, UserOrder, UserSearch, UserState, position_of
from jwtapi.storage.users import User
from jwtapi.users.search import sought_by

_PAGE = 1000


def list_users(  # noqa: PLR0913, PLR0917  each is an option
    query: Annotated[
        str | None,
        typer.Option(
            help="Only users whose name or e-mail address begins with this text, or whose id or external id it is."
        ),
    ] = None,
    role: Annotated[str | None, typer.Option(help="Only users who have this role.")] = None,
    state: Annotated[
        UserState | None, typer.Option(help="Only users in this state. service: service accounts.")
    ] = None,
    sort: Annotated[UserOrder, typer.Option(help="The order. A hyphen reverses it.")] = UserOrder.USERNAME,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many users.")] = None,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only users who follow this one in the order: the last one of the page before."
        ),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002  an option, by name
) -> None:
    """List name, id, date of creation, roles, and whether the user is disabled."""
    sought = sought_by(query) if query is not None else None
    if query is not None and sought is None:
        raise typer.BadParameter("--query must have 1 to 320 characters other than spaces")
    which = UserFilter(sought, role, state)

    async def run(services: Services) -> None:
        position = await _position_of(services, after, sort) if after is not None else None
        left = limit
        while left is None or left > 0:
            count = _PAGE if left is None else min(_PAGE, left)
            page = await _page(services, which, sort, position, count)
            write(user_line(user, as_json=as_json) for user in page)
            if len(page) < count:
                return
            position = position_of(page[-1], sort)
            left = left - count if left is not None else None

    run_with_services(run)


def show(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="User names, or ids.")],
    as_json: AsJson = False,  # noqa: FBT002  an option, by name
) -> None:
    """Show users: the columns of `list`, or everything with --json."""

    async def act(services: Services, name: str) -> list[str]:
        return [user_line(await user_named(services, name), as_json=as_json)]

    run_for_each(names, act)


def user_line(user: User, *, as_json: bool) -> str:
    shown = AdminUser.of(user)
    if as_json:
        return json_line(shown)
    return columns(shown.username, str(shown.id), f"{shown.created_at:%Y-%m-%d}", ",".join(shown.roles), shown.state)


async def _page(
    services: Services, which: UserFilter, order: UserOrder, after: Position | None, limit: int
) -> list[User]:
    return await services[Database].read(
        lambda uow: UserSearch(uow.connection).page(which, order=order, after=after, limit=limit)
    )


async def _position_of(services: Services, name: str, order: UserOrder) -> Position:
    """Return where the list goes on. The user may have lost the role that is searched for, but not the name.

    Raises:
        UnknownUser
    """
    return position_of(await user_named(services, name), order)
