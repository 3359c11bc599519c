"""Reads events in the order in which they were stored: those that are there, and those that are stored meanwhile."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from uuid import UUID

from jwtapi.cli.output import OutputClosed, is_closed
from jwtapi.cli.running import report
from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import EventFilter, EventPage, EventSearch, FoundEvent
from jwtapi.storage.events import Event
from jwtapi.storage.faults import describe
from jwtapi.storage.unit_of_work import UnitOfWork

PAGE = 1000
POLL_SECONDS = 1
_REMEMBERED = 10 * PAGE
"""Ids of printed events. A transaction that was running when the search began may have stored some of them."""


class EventLog:
    def __init__(self, database: Database, which: EventFilter, stopping: asyncio.Event) -> None:
        """`which` names users by their ids. When `stopping` is set, no further page is read."""
        self._database = database
        self._which = which
        self._stopping = stopping
        self._printed: deque[int] = deque(maxlen=_REMEMBERED)

    async def end(self) -> str:
        """Return the present end of the events, for `new`."""
        return await self._database.read(lambda uow: uow.events.end())

    async def stored(self, limit: int | None) -> AsyncIterator[Sequence[FoundEvent]]:
        """Return pages of the last `limit` events, or of all, the oldest first.

        The search goes from the newest to the oldest. So it first remembers where each page ends, and no event.
        """
        ends = await self._ends(limit)
        for floor, before in zip(reversed(ends[1:]), reversed(ends[:-1]), strict=True):
            if self._stopping.is_set():
                return
            page = await self._between(floor, before)
            self._printed.extend(found.event.id for found in page)
            yield page

    async def new(self, position: str) -> AsyncIterator[Sequence[FoundEvent]]:
        """Return the events that are committed after the position, each once, until `stopping` is set.

        Waits for a database that does not answer.

        Raises:
            OutputClosed
        """
        is_out = False
        printed = set(self._printed)
        while not self._stopping.is_set():
            try:
                page, position = await self._database.read(partial(self._since, position=position))
            except StorageUnavailable as error:
                if not is_out:
                    report(f"DATABASE_URL: {describe(error)} The command waits for it.")
                is_out = True
            else:
                is_out = False
                yield [found for found in page if found.event.id not in printed]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL_SECONDS)
            if is_closed():
                raise OutputClosed

    async def _page(self, before: int | None, limit: int) -> EventPage:
        return await self._database.read(
            lambda uow: EventSearch(uow.connection).page(self._which, before=before, limit=limit)
        )

    async def _ends(self, limit: int | None) -> list[int]:
        """Return the ids that pages begin with, and at first the id that the newest page precedes, in falling order."""
        ends: list[int] = []
        before, left = None, limit
        while not self._stopping.is_set() and (left is None or left > 0):
            page = await self._page(before, PAGE if left is None else min(PAGE, left))
            if not ends and page.found:
                ends.append(page.found[0].event.id + 1)
            if left is not None:
                left -= len(page.found)
            if page.found:
                ends.append(page.found[-1].event.id)
            if (before := page.next) is None:
                break
        return ends

    async def _between(self, floor: int, before: int) -> Sequence[FoundEvent]:
        """Return the events from the id `floor` to before the id `before`, the oldest first.

        Their number may have changed: old ones are deleted, and PostgreSQL commits in another order than that of ids.
        """
        page, between = EventPage([], before), list[FoundEvent]()
        while page.next is not None and page.next > floor:
            page = await self._page(page.next, PAGE)
            between += [found for found in page.found if found.event.id >= floor]
        return between[::-1]

    def _since(self, uow: UnitOfWork, *, position: str) -> tuple[Sequence[FoundEvent], str]:
        events, end = uow.events.since(position, ignored=())
        matching = [event for event in events if self._matches(event)]
        ids = list({id_ for event in matching for id_ in (event.user_id, event.actor_id) if id_ is not None})
        names: dict[UUID, str] = {}
        for start in range(0, len(ids), PAGE):
            names |= uow.users.names(ids[start : start + PAGE])
        found = [FoundEvent(event, _name(names, event.user_id), _name(names, event.actor_id)) for event in matching]
        return found, end

    def _matches(self, event: Event) -> bool:
        which = self._which
        return (
            which.user in {None, event.user_id}
            and which.actor in {None, event.actor_id}
            and which.type in {None, event.type}
            and which.address in {None, event.address}
            and (which.since is None or event.at >= which.since)
        )


def _name(names: Mapping[UUID, str], user_id: UUID | None) -> str | None:
    return names.get(user_id) if user_id is not None else None
