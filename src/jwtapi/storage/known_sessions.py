"""What this process remembers of the sessions in the database, for as long as it is sure to hear of changes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from jwtapi.access_claims import AccessClaims
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.records import Event, EventType

MAX_KNOWN = 10_000
"""Sessions; about 7 MB. Beyond it the one that was read first is read again when it is next asked for."""

_NOT_READ = datetime.min.replace(tzinfo=UTC)

TELLING = frozenset(
    {
        EventType.SESSION_REVOKED,
        EventType.USER_DISABLED,
        EventType.USER_ENABLED,
        EventType.USER_DELETED,
        EventType.PASSWORD_CHANGED,
        EventType.ROLES_CHANGED,
    }
)
"""The events after which something remembered may be wrong."""


class KnownSession:
    """What was read of a session. Whoever forgets it says so here too, for those who hold on to it."""

    __slots__ = ("arrived_generation", "claims", "expires_at", "is_current")

    def __init__(self, *, is_current: bool) -> None:
        self.claims: AccessClaims | None = None
        """What its access tokens may say. None if the session is over, its user disabled, or nothing read yet."""
        self.expires_at = _NOT_READ
        """When the session dies unless it is refreshed before."""
        self.arrived_generation = 0
        """The newest generation of which a token is known to have reached the client."""
        self.is_current = is_current
        """False for good when something may have changed, and where changes may go unheard from the start."""


class KnownSessions:
    def __init__(self, database: Database, *, on_interruption: Callable[[], None] = lambda: None) -> None:
        """`on_interruption` is called once for each time that changes go unheard."""
        self._database = database
        self._feed = ChangeFeed(
            database,
            TELLING,
            on_events=self._forget,
            on_gap=self._forget_everything,
            on_interruption=on_interruption,
        )
        self.hears_changes = self._feed.is_live
        """Tell whether what is current is so: changes of the last seconds would have been heard of."""
        self.silence = self._feed.silence
        """Seconds since changes were last heard of, or that there are none."""
        # What this process changes holds from its next request on, without the way through the feed.
        database.subscribe(self._forget)
        self._known: OrderedDict[UUID, KnownSession] = OrderedDict()

    async def follow_changes(self) -> None:
        """Hear of changes until cancelled. Nothing is remembered without it."""
        await self._feed.follow()

    async def find(self, session_id: UUID, now: datetime) -> KnownSession:
        """What the session lets its bearer do.

        Asks the database where nothing is remembered, and always while changes may go unheard.

        Raises:
            StorageUnavailable
        """
        if not self.hears_changes():
            return await self._read(KnownSession(is_current=False), session_id, now)
        known = self._known.get(session_id)
        if known is not None and now < known.expires_at:
            return known
        # Made before the database is asked: a change that comes after the answer was read makes this one outdated, and
        # the answer, which is older than the change, is not remembered. One that others are about to fill will do; were
        # it replaced, requests that keep overlapping would never find one that is filled.
        if known is None:
            known = self._known[session_id] = KnownSession(is_current=True)
            if len(self._known) > MAX_KNOWN:
                self._forget_session(next(iter(self._known)))
        if (await self._read(known, session_id, now)).claims is None:
            self._forget_session(session_id)  # what is over stays so, and takes no place from others
        return known

    async def find_anew(self, session_id: UUID, now: datetime) -> KnownSession:
        """As `find`, but ask the database, for what is remembered may be wrong: SQL changes rows without an event.

        What proves right stays remembered, or old tokens that take turns would have the session read each time.

        Raises:
            StorageUnavailable
        """
        known = self._known.get(session_id)
        if known is None or not self.hears_changes():
            return await self.find(session_id, now)
        read = await self._read(KnownSession(is_current=True), session_id, now)
        if not known.is_current:  # something changed meanwhile, perhaps after the answer was read
            read.is_current = False
            return read
        if known.claims is not None and read.claims is not None and read.claims.says_the_same_as(known.claims):
            return known
        self._forget_session(session_id)
        if read.claims is not None:
            self._known[session_id] = read
        return read

    def _forget(self, events: Iterable[Event]) -> None:
        """Forget what these events may have changed."""
        for event in events:
            if event.type not in TELLING:
                continue
            if event.session_id is not None:
                self._forget_session(event.session_id)
            else:
                self._forget_user(event.user_id)

    def _forget_session(self, session_id: UUID) -> None:
        if (known := self._known.pop(session_id, None)) is not None:
            known.is_current = False

    def _forget_user(self, user_id: UUID | None) -> None:
        # Rare, and a walk over all takes a few milliseconds. Whose is what is still being read is not known.
        for session_id, known in list(self._known.items()):
            if known.claims is None or known.claims.user_id == user_id:
                self._forget_session(session_id)

    def _forget_everything(self) -> None:
        for session_id in list(self._known):
            self._forget_session(session_id)

    async def _read(self, known: KnownSession, session_id: UUID, now: datetime) -> KnownSession:
        async with self._database.read() as uow:
            found = await uow.sessions.with_user(session_id)
        if found is None or not found.session.is_alive(now) or found.user.disabled_at is not None:
            known.claims, known.expires_at = None, _NOT_READ
        else:
            user = found.user
            known.claims = AccessClaims(user.id, user.username, session_id, tuple(user.roles))
            known.expires_at = found.session.expires_at
            known.arrived_generation = max(known.arrived_generation, found.session.arrived_generation)
        return known
