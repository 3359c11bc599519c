"""`jwtapi mail list | retry | test`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from jwtapi.cli.output import AsJson, columns, json_line, say, seconds, write
from jwtapi.cli.running import ExitCode, Failure, exit_with_error, report_failure, run_with_services
from jwtapi.cli.several import IfExists
from jwtapi.clock import system_clock
from jwtapi.features.admin_activity.schemas import ListedMail
from jwtapi.mail.listing import masked, state_of
from jwtapi.mail.service import MailService
from jwtapi.services import Services
from jwtapi.storage.mails import QueuedMail

app = typer.Typer(help="Administer the outbox for mail.", no_args_is_help=True)


@app.callback()
def mail() -> None:
    """Administer the outbox for mail."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:  # noqa: FBT002  an option, by name
    """List the mails that wait or were given up.

    The columns are id, kind, recipient, state, attempts, time of the next attempt, and why the last attempt failed.
    """

    async def run(services: Services) -> None:
        service, now = services[MailService], system_clock()
        page = await service.page()
        while page:
            write(json_line(ListedMail.of(each, now)) if as_json else columns(*_cells(each, now)) for each in page)
            page = await service.page(after=page[-1].id)

    run_with_services(run)


@app.command()
def retry(
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="The ids that `list` prints.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All mails that failed.")] = False,  # noqa: FBT002  an option, by name
    if_exists: IfExists = False,  # noqa: FBT002
) -> None:
    """Send mails now that were given up, or whose last attempt failed.

    A running server sends them within seconds.
    """
    if bool(ids) == all_:
        exit_with_error("Name the ids of mails, or --all.", code=ExitCode.WRONG_USAGE)

    async def run(services: Services) -> list[UUID]:
        missing = await services[MailService].missing(ids or ())
        say(f"Mails that are sent again: {await services[MailService].retry(ids or None)}.")
        return missing

    missing = run_with_services(run)
    if missing and not if_exists:
        for each in missing:
            report_failure(Failure(f"There is no mail {each}: it was sent, or deleted."))
        raise typer.Exit(ExitCode.NOT_THERE)


@app.command()
def test(address: Annotated[str, typer.Argument(help="Where the mail is sent to.")]) -> None:
    """Send a mail that only shows that mails arrive.

    A running server sends it within seconds.
    """
    run_with_services(lambda services: services[MailService].test(address))
    say("The mail waits in the outbox. `jwtapi mail list` shows it until it is sent.")


def _cells(each: QueuedMail, now: datetime) -> tuple[str | None, ...]:
    state = state_of(each, now)
    return (
        str(each.id),
        each.kind,
        masked(each.recipient) if each.recipient is not None else None,
        state if state != "failed" else "given up",
        str(each.attempts),
        seconds(each.due_at) if state != "failed" else None,
        each.last_error,
    )
