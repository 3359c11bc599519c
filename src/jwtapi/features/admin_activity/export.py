"""Writes all events that a filter finds as CSV or JSON Lines, one page after the other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from json import dumps

from jwtapi.administration.administrator import Administrator
from jwtapi.administration.lock import check_administrator
from jwtapi.clock import Clock
from jwtapi.csv_cells import csv_lines
from jwtapi.features.admin_activity.schemas import AuditEvent
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import EventFilter, EventPage, EventSearch, FoundEvent
from jwtapi.storage.unit_of_work import UnitOfWork

PAGE = 500
"""Events that are in memory at a time."""


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


_COLUMNS = (
    "id",
    "at",
    "type",
    "userId",
    "username",
    "sessionId",
    "actorId",
    "actorUsername",
    "address",
    "requestId",
    "details",
)


class EventExport:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def write(self, which: EventFilter, form: ExportFormat, administrator: Administrator) -> AsyncIterator[bytes]:
        """Return the pieces of the export, the newest event first. The first page has been read by then.

        Each page is a unit of its own, so a slow client keeps no connection to the database and no snapshot. Events
        that are stored meanwhile are not exported. The access token may expire meanwhile: an export may take longer
        than a token lives.

        Raises:
            RoleRequired, AccessTokenInvalid, SignInTooOld: as `check_administrator`. They cut off what has begun.
            StorageUnavailable: also in the middle.
        """
        return self._write(which, form, administrator, await self._page(which, administrator, None))

    async def _write(
        self, which: EventFilter, form: ExportFormat, administrator: Administrator, page: EventPage
    ) -> AsyncIterator[bytes]:
        if form is ExportFormat.CSV:
            yield csv_lines([_COLUMNS]).encode()
        while True:
            if page.found:
                yield _text_of(page, form).encode()
            if page.next is None:
                return
            page = await self._page(which, administrator, page.next)

    async def _page(self, which: EventFilter, administrator: Administrator, before: int | None) -> EventPage:
        read = partial(_read, which=which, administrator=administrator, before=before, now=self._clock())
        return await self._database.read(read)


def _read(
    uow: UnitOfWork, *, which: EventFilter, administrator: Administrator, before: int | None, now: datetime
) -> EventPage:
    check_administrator(uow, administrator, now)
    return EventSearch(uow.connection).page(which, before=before, limit=PAGE)


def _text_of(page: EventPage, form: ExportFormat) -> str:
    if form is ExportFormat.CSV:
        return csv_lines(map(_cells, page.found))
    return "".join(f"{AuditEvent.of(found).model_dump_json(by_alias=True)}\n" for found in page.found)


def _cells(found: FoundEvent) -> list[str | None]:
    event = found.event
    return [
        str(event.id),
        f"{event.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        event.type,
        _text(event.user_id),
        found.username,
        _text(event.session_id),
        _text(event.actor_id),
        found.actor_username,
        event.address,
        event.request_id,
        dumps(event.details, ensure_ascii=False) if event.details is not None else None,
    ]


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
