"""`jwtapi sessions list | prune`."""

from typing import Annotated

import typer

from jwtapi.cli.finding import user_named
from jwtapi.cli.output import AsJson, columns, json_line, say, seconds, write
from jwtapi.cli.running import run_with_services
from jwtapi.features.admin.schemas import AdminSession
from jwtapi.housekeeping import Housekeeping
from jwtapi.services import Services
from jwtapi.sessions.cache import methods_of
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import Session

_MOST = 10_000
"""MAX_SESSIONS_PER_USER cannot be higher."""

app = typer.Typer(help="Administer sessions.", no_args_is_help=True)


@app.callback()
def sessions() -> None:
    """Administer sessions."""


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="The user name, or the id.")],
    as_json: AsJson = False,  # noqa: FBT002  an option, by name
) -> None:
    """List where a user is signed in, the session that was used last first.

    The columns are id, when it began, when it was last used, network address, how the user signed in, and what the
    browser calls itself.
    """

    async def run(services: Services) -> None:
        user, now = await user_named(services, name), services.clock()
        alive = await services[Database].read(lambda uow: uow.sessions.alive_of(user.id, now, limit=_MOST))
        write(json_line(AdminSession.of(each)) if as_json else columns(*_cells(each)) for each in alive)

    run_with_services(run)


@app.command()
def prune() -> None:
    """Delete the sessions that have ended, as a running server does once a minute."""
    pruned = run_with_services(lambda services: services[Housekeeping].prune("sessions"))
    say(f"Sessions deleted: {pruned}.")


def _cells(session: Session) -> tuple[str | None, ...]:
    return (
        str(session.id),
        seconds(session.created_at),
        seconds(session.refreshed_at),
        session.address,
        ",".join(methods_of(session)),
        session.user_agent,
    )
