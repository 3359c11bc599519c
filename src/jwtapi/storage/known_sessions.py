"""What this process remembers of the sessions in the database, for as long as it is sure to hear of changes."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.records import Access, Event, EventType

MAX_KNOWN = 30_000
"""Sessions; about 15 MB. Beyond it the one that was read first is read again when it is next asked for."""

TELLING = frozenset(
    {
        EventType.SESSION_REVOKED,
        EventType.USER_DISABLED,
        EventType.USER_ENABLED,
        EventType.USER_DELETED,
        EventType.PASSWORD_CHANGED,
    }
)
"""The events after which something remembered may be wrong."""


class _Place:
    """Where what was read of a session is kept. Whoever forgets a session takes its place away, filled or not."""

    __slots__ = ("access",)

    def __init__(self) -> None:
        self.access: Access | None = None


class KnownSessions:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._feed = ChangeFeed(database, TELLING, on_events=self._forget, on_gap=self._forget_everything)
        # What this process changes holds from its next request on, without the way through the feed.
        database.subscribe(self._forget)
        self._places: dict[UUID, _Place] = {}

    async def follow_changes(self) -> None:
        """Hear of changes until cancelled. Nothing is remembered without it."""
        await self._feed.follow()

    async def access(self, session_id: UUID, now: datetime) -> Access | None:
        """What the session lets its bearer do; None if it is over or its user disabled.

        Asks the database where nothing is remembered, and always while changes may go unheard.

        Raises:
            StorageUnavailable
        """
        if not self._feed.is_live():
            return await self._read(session_id, now)
        place = self._places.get(session_id)
        if place is not None and place.access is not None and now < place.access.expires_at:
            return place.access
        # Made before the database is asked: a change that comes after the answer was read takes this place away, and
        # the answer, which is older than the change, is not remembered. One that others are about to fill will do; were
        # it replaced, requests that keep overlapping would never find one that is filled.
        if place is None:
            place = self._places[session_id] = _Place()
            if len(self._places) > MAX_KNOWN:
                del self._places[next(iter(self._places))]
        place.access = await self._read(session_id, now)
        return place.access

    def _forget(self, events: Iterable[Event]) -> None:
        """Forget what these events may have changed."""
        for event in events:
            if event.type not in TELLING:
                continue
            if event.session_id is not None:
                self._places.pop(event.session_id, None)
            else:
                self._forget_user(event.user_id)

    def _forget_everything(self) -> None:
        self._places.clear()

    def _forget_user(self, user_id: UUID | None) -> None:
        # Rare, and a walk over all takes a few milliseconds. Whose is what is still being read is not known.
        for session_id, place in list(self._places.items()):
            if place.access is None or place.access.user_id == user_id:
                del self._places[session_id]

    async def _read(self, session_id: UUID, now: datetime) -> Access | None:
        async with self._database.read() as uow:
            found = await uow.sessions.with_user(session_id)
        if found is None or not found.session.is_alive(now) or found.user.disabled_at is not None:
            return None
        return Access(found.user.id, found.user.username, tuple(found.user.roles), found.session.expires_at)
