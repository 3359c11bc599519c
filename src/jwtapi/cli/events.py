"""`jwtapi events`."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any
from uuid import UUID

import typer

from jwtapi.cli.event_log import EventLog
from jwtapi.cli.finding import parse_user_id, user_named
from jwtapi.cli.moments import HOW, parse_moment
from jwtapi.cli.output import AsJson, columns, json_line, seconds, visible, write_text
from jwtapi.cli.running import run_with_services
from jwtapi.clock import system_clock
from jwtapi.csv_cells import csv_lines
from jwtapi.features.admin.errors import UnknownUser
from jwtapi.features.admin_activity.schemas import AuditEvent
from jwtapi.services import Services
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import EventFilter, FoundEvent, recorded_address

_HEADINGS = [field.alias for field in AuditEvent.model_fields.values()]
_LAST = 10
"""Events before the new ones with --follow, as `tail -f` prints lines."""


def events(  # noqa: PLR0913, PLR0917  each is an option
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only events of this user: a name, or an id.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this user did to others: a name, or an id.")
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only events of this type, such as login.failed.")] = None,
    address: Annotated[str | None, typer.Option(help="Only events from this network address.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"No earlier events: {HOW}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only earlier events.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Only the newest so many events. The default with --follow and without --since: {_LAST}."
        ),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002  an option, by name
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with a line of headings.")] = False,  # noqa: FBT002
    follow: Annotated[  # noqa: FBT002
        bool, typer.Option("--follow", "-f", help="Go on with new events, until Ctrl-C or SIGTERM.")
    ] = False,
) -> None:
    """List events, the newest last, and follow them.

    The columns are time, type, user, address, the user who acted, and details.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv contradict each other")
    if follow and until is not None:
        raise typer.BadParameter("--follow and --until contradict each other")
    if follow and limit is None and since is None:
        limit = _LAST
    now = system_clock()
    try:
        earliest, latest = (parse_moment(each, now) if each is not None else None for each in (since, until))
    except ValueError as error:
        raise typer.BadParameter(f"--since and --until: {error}") from None
    text = _json_lines if as_json else _csv if as_csv else _lines

    async def run(services: Services) -> None:
        which = EventFilter(
            user=await _id_of(services, user),
            actor=await _id_of(services, actor),
            type=type_,
            address=recorded_address(address) if address is not None else None,
            since=earliest,
            until=latest,
        )
        if as_csv:
            write_text(csv_lines([_HEADINGS]))
        if not follow:
            await _print(EventLog(services[Database], which, asyncio.Event()).stored(limit), text)
            return
        with _stopping_at_signals() as stopping:
            log = EventLog(services[Database], which, stopping)
            position = await log.end()  # first, so that no event is missed
            await _print(log.stored(limit), text)
            await _print(log.new(position), text)

    run_with_services(run)


async def _print(pages: AsyncIterator[Sequence[FoundEvent]], text: Callable[[Sequence[FoundEvent]], str]) -> None:
    async for page in pages:
        write_text(text(page))


@contextmanager
def _stopping_at_signals() -> Iterator[asyncio.Event]:
    """Return an event that Ctrl-C and SIGTERM set. A second signal ends a process that waits until somebody reads."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stopping.set)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _id_of(services: Services, name: str | None) -> UUID | None:
    """Return the id of a user. The events of a deleted user are found by the id."""
    if name is None:
        return None
    try:
        return (await user_named(services, name)).id
    except UnknownUser:
        if (user_id := parse_user_id(name)) is None:
            raise
        return user_id


def _lines(page: Sequence[FoundEvent]) -> str:
    return "".join(f"{columns(*_cells(found))}\n" for found in page)


def _cells(found: FoundEvent) -> tuple[str | None, ...]:
    event = found.event
    return (
        seconds(event.at),
        event.type,
        found.username or _text_of(event.user_id),
        event.address,
        found.actor_username or _text_of(event.actor_id),
        json.dumps(event.details) if event.details else None,
    )


def _json_lines(page: Sequence[FoundEvent]) -> str:
    return "".join(f"{json_line(AuditEvent.of(found))}\n" for found in page)


def _csv(page: Sequence[FoundEvent]) -> str:
    return csv_lines(
        [_text_of(value) for value in AuditEvent.of(found).model_dump(mode="json").values()] for found in page
    )


def _text_of(value: Any) -> str | None:
    if value is None:
        return None
    return json_line(value) if isinstance(value, dict) else visible(str(value))
