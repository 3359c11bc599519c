"""`jwtapi mail list | retry | test`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from jwtapi.cli.running import exit_with_error, run_with_services
from jwtapi.clock import system_clock
from jwtapi.mail.service import MailService
from jwtapi.services import Services
from jwtapi.storage.mails import QueuedMail

app = typer.Typer(help="Administer the outbox for mail.", no_args_is_help=True)


@app.callback()
def mail() -> None:
    """Administer the outbox for mail."""


@app.command("list")
def list_() -> None:
    """List the mails that wait or were given up.

    The columns are id, kind, recipient, state, attempts, time of the next attempt, and why the last attempt failed.
    """

    async def run(services: Services) -> None:
        service, now = services[MailService], system_clock()
        page = await service.page()
        while page:
            for each in page:
                typer.echo("\t".join(_columns(each, now)))
            page = await service.page(after=page[-1].id)

    run_with_services(run)


@app.command()
def retry(
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="[ID…]", help="The ids that `list` prints.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All mails that failed.")] = False,  # noqa: FBT002  an option, by name
) -> None:
    """Send mails now that were given up, or whose last attempt failed.

    A running server sends them within seconds.
    """
    if bool(ids) == all_:
        exit_with_error("Name the ids of mails, or --all.")
    count = run_with_services(lambda services: services[MailService].retry(ids or None))
    typer.echo(f"Mails that are sent again: {count}.")


@app.command()
def test(address: Annotated[str, typer.Argument(help="Where the mail is sent to.")]) -> None:
    """Send a mail that only shows that mails arrive.

    A running server sends it within seconds.
    """
    run_with_services(lambda services: services[MailService].test(address))
    typer.echo("The mail waits in the outbox. `jwtapi mail list` shows it until it is sent.")


def _columns(each: QueuedMail, now: datetime) -> tuple[str, ...]:
    return (
        str(each.id),
        each.kind,
        _masked(each.recipient) if each.recipient is not None else "-",
        _state(each, now),
        str(each.attempts),
        f"{each.due_at:%Y-%m-%dT%H:%M:%SZ}" if each.failed_at is None else "-",
        each.last_error or "-",
    )


def _state(each: QueuedMail, now: datetime) -> str:
    if each.failed_at is not None:
        return "given up"
    return "sending" if each.attempts and each.last_error is None and each.due_at > now else "waiting"


def _masked(address: str) -> str:
    """Return enough of an address to recognise it: `a…@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
