"""The feed of what has ended before its tokens expire. It keeps nothing: the events and the rows have everything."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from jwtapi.clock import Clock
from jwtapi.features.revocations.entries import Entries, EntryMaker, OwnClaims, ignored_types, matters
from jwtapi.features.revocations.errors import TooManyWaiting
from jwtapi.features.revocations.storage import Mark, RevocationRepository
from jwtapi.security.feed_cursors import FeedCursors
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event, EventType
from jwtapi.storage.readiness import Readiness
from jwtapi.storage.unit_of_work import UnitOfWork

MAX_WAIT = 30
"""Seconds."""

MAX_WAITING = 500
"""Requests that wait in this process: half of the connections that it takes."""

CLOCKS_DIFFER = timedelta(seconds=60)
"""How far the clocks of our servers, and those of services that check tokens, may differ."""

_WAIT_OF_DRAIN = 1
"""Seconds. If it were 0, a client that finds no other server would ask again and again."""

_READS = 3
"""Reads of this process at the same time. The pool has more connections, for the other requests."""

_PAGE = 1000
"""Events that are read at once. Other requests get their turn in between."""

_SHARED_SECONDS = 5
"""How long a mark serves those who begin to wait. Reading from an old one would take longer."""


@dataclass(frozen=True, slots=True)
class Answer:
    mark: Mark
    is_news: bool
    """Whether it has entries, or takes the place of everything that was known before."""
    body: bytes


class _SharedMark(NamedTuple):
    mark: Mark
    read_at: float


class RevocationFeed:
    def __init__(  # noqa: PLR0913  the service needs all of them
        self,
        database: Database,
        changes: ChangeFeed,
        readiness: Readiness,
        cursors: FeedCursors,
        clock: Clock,
        *,
        token_lifetime: timedelta,
        matters_for: timedelta,
        own_claims: OwnClaims,
    ) -> None:
        """`matters_for`: how long after an event tokens from before it may be in use."""
        self._database = database
        self._readiness = readiness
        self._cursors = cursors
        self._clock = clock
        self._own_claims = own_claims
        self._entries = EntryMaker(
            token_lifetime=token_lifetime, matters_for=matters_for, with_metadata=bool(own_claims.names)
        )
        self._reach_back = matters_for + CLOCKS_DIFFER
        self._reads = asyncio.Semaphore(_READS)
        self._next_reads: dict[Mark | None, asyncio.Task[Answer]] = {}
        """The reads that have not begun yet, by where they begin."""
        self._waiting = 0
        self._change = asyncio.Event()
        """Set at the next change. Another one takes its place then."""
        self._shared_mark: _SharedMark | None = None
        self._withdrawals = 0
        changes.subscribe(matters, on_events=self._on_events, on_gap=self._wake)
        readiness.when_withdrawn(self._end_waits)

    async def read(self, after: str | None, wait: int) -> bytes:
        """Return what has changed since the cursor `after`, or everything that matters if that cannot be told.

        If nothing has changed, wait for up to `wait` seconds until something does.

        Raises:
            TooManyWaiting
            StorageUnavailable
        """
        mark = self._mark_of(after) if after is not None else None
        if not wait:
            return (await self._read(mark)).body
        if self._waiting >= MAX_WAITING:
            raise TooManyWaiting
        self._waiting += 1
        try:
            return (await self._read_when_changed(mark, wait)).body
        finally:
            self._waiting -= 1

    async def _read_when_changed(self, mark: Mark | None, wait: float) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (min(wait, _WAIT_OF_DRAIN) if self._readiness.is_withdrawn else wait)
        withdrawals = self._withdrawals
        while True:
            change = self._change  # before the read, so that no change falls between the two
            began_at = loop.time()
            answer = await self._read(mark)
            if answer.is_news or loop.time() >= deadline or self._withdrawals > withdrawals:
                return answer
            mark = self._mark_to_wait_at(answer.mark, began_at)
            try:
                async with asyncio.timeout_at(deadline):
                    await change.wait()
            except TimeoutError:
                # The answer states what was true a moment ago, also while the feed of changes is interrupted.
                return await self._read(mark)

    def _mark_to_wait_at(self, mark: Mark, began_at: float) -> Mark:
        """Return an earlier mark at which others wait too, or this one, which was read since `began_at`.

        So one read serves all when something changes. To learn of something twice does no harm.
        """
        shared = self._shared_mark
        if shared is not None and began_at - _SHARED_SECONDS < shared.read_at <= began_at:
            return shared.mark
        self._shared_mark = _SharedMark(mark, asyncio.get_running_loop().time())
        return mark

    def _on_events(self, events: Sequence[Event]) -> None:
        declared = EventType.declared()
        if any((type_ := declared.get(event.type)) is None or matters(type_) for event in events):
            self._wake()

    def _wake(self) -> None:
        change, self._change = self._change, asyncio.Event()
        self._shared_mark = None
        change.set()

    def _end_waits(self) -> None:
        self._withdrawals += 1
        self._wake()

    async def _read(self, mark: Mark | None) -> Answer:
        """Read in one go for all who ask for the same before the read begins. Who comes later needs another one."""
        reading = self._next_reads.get(mark)
        if reading is None:
            reading = self._next_reads[mark] = asyncio.create_task(self._begin_read(mark), name="revocations")
        return await asyncio.shield(reading)  # the others still wait if the first one is cancelled

    async def _begin_read(self, mark: Mark | None) -> Answer:
        async with self._reads:
            del self._next_reads[mark]
            return await self._answer(mark)

    async def _answer(self, before: Mark | None) -> Answer:
        now = self._clock()
        mark, new = await self._database.read(partial(_new_since, before=before))
        if new is None:
            entries = await self._all_entries(now)
        else:
            entries = Entries()
            recent = [event for event in new if event.at > now - self._reach_back]
            for start in range(0, len(recent), _PAGE):
                entries.add(await self._database.read(partial(self._entries.of, events=recent[start : start + _PAGE])))
        content = {"cursor": self._cursor(mark, now), "reset": new is None, **entries.lists(self._own_claims)}
        return Answer(mark, new is None or bool(entries), json.dumps(content, separators=(",", ":")).encode())

    async def _all_entries(self, now: datetime) -> Entries:
        entries = Entries()
        at, event_id = now - self._reach_back, 0
        while True:
            page, found = await self._database.read(partial(self._page, at=at, event_id=event_id))
            entries.add(found)
            if len(page) < _PAGE:
                return entries
            at, event_id = page[-1].at, page[-1].id

    def _page(self, uow: UnitOfWork, *, at: datetime, event_id: int) -> tuple[Sequence[Event], Entries]:
        repository = RevocationRepository(uow.connection)
        page = repository.after(at, event_id, ignored=ignored_types(), limit=_PAGE)
        return page, self._entries.of(uow, page)

    def _cursor(self, mark: Mark, now: datetime) -> str:
        event_at = (mark.event_at - _EPOCH) // _MICROSECOND
        parts = (_FORM, self._kind, int(now.timestamp()), mark.event_id, event_at, mark.transaction_id, mark.position)
        return self._cursors.issue(" ".join(map(str, parts)))

    def _mark_of(self, cursor: str) -> Mark | None:
        """Return the mark of a cursor. None if it is not ours, of the other kind of database, or of another time."""
        form, _, content = (self._cursors.read(cursor) or "").partition(" ")
        if form != _FORM:
            return None
        kind, made_at, event_id, event_at, transaction_id, position = content.split(" ")
        age = self._clock() - datetime.fromtimestamp(int(made_at), UTC)
        if kind != self._kind or not -CLOCKS_DIFFER <= age <= self._reach_back:
            return None
        return Mark(int(event_id), _EPOCH + int(event_at) * _MICROSECOND, int(transaction_id), position)

    @property
    def _kind(self) -> str:
        return "sqlite" if self._database.is_sqlite else "postgresql"


_FORM = "1"
"""The form of cursors. A later version may have another one."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


def _new_since(uow: UnitOfWork, *, before: Mark | None) -> tuple[Mark, Sequence[Event] | None]:
    """Return the present mark, and the events since the one before. They are None if that cannot be told."""
    repository = RevocationRepository(uow.connection)
    # First the mark, then the events: what is committed in between comes again, instead of never.
    mark, is_known = repository.mark(before)
    if before is None or not is_known:
        return mark, None
    return mark, repository.since(before, ignored=ignored_types()) if mark != before else []
