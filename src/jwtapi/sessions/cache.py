"""Caches sessions in this process, while the change feed is sure to deliver every change."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from jwtapi.principal import Principal
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event, Invalidates, invalidated_by
from jwtapi.storage.sessions import Session, SessionOfUser
from jwtapi.token_claims import claims_of

MAX_SESSIONS = 10_000
"""About 7 MB. With more sessions, the one that was read first is read again at its next request."""

MAX_TOKENS = 5_000
"""Access tokens whose signatures need no second check, about 6 MB."""

MAX_ANSWERS = 1_000
"""Sessions that have ready answers, about 1 KB each."""

_UNREAD = datetime.min.replace(tzinfo=UTC)


class CachedSession:
    """What a session allows, with its verified tokens and its ready answers. All three are dropped together."""

    __slots__ = ("answers", "arrived_generation", "expires_at", "is_valid", "principal", "tokens")

    def __init__(self, *, is_valid: bool) -> None:
        self.principal: Principal | None = None
        """None if the session has ended, if its user is disabled, or if nothing was read yet."""
        self.expires_at = _UNREAD
        """When the session ends unless it is refreshed before."""
        self.arrived_generation = 0
        """The newest generation of which a token is known to have reached the client."""
        self.is_valid = is_valid
        """Becomes False, permanently, when the session may have changed. False from the start without a live feed."""
        self.tokens: set[str] = set()
        """Its tokens in SessionCache.tokens."""
        self.answers: dict[Hashable, Any] = {}
        """The ready answers to this principal, by endpoint."""


class VerifiedToken(NamedTuple):
    """An access token whose signature is right."""

    session: CachedSession
    principal: Principal | None
    """That of the session, but signed in as the token states. None if they contradict each other: it is refused."""
    expires_at: datetime
    """When the token, its session or its key may have ended. Until then, only changes that are heard of end them."""

    @property
    def answers(self) -> dict[Hashable, Any]:
        return self.session.answers


def methods_of(session: Session) -> tuple[str, ...]:
    """Return `amr`. A session from before migration 0004 was opened with a password."""
    return tuple(session.amr if session.amr is not None else ("pwd",))


def principal_of(found: SessionOfUser, token_claims: Collection[str] = ()) -> Principal:
    """Return what the session allows. `token_claims` are the names of the members of metadata that tokens contain."""
    session, owner = found
    return Principal(
        user_id=session.user_id,
        username=owner.username,
        roles=tuple(owner.roles),
        session_id=session.id,
        amr=methods_of(session),
        auth_time=int((session.auth_time or session.created_at).timestamp()),
        claims_json=claims_of(owner.metadata, token_claims) if token_claims else None,
    )


class SessionCache:
    def __init__(
        self,
        database: Database,
        feed: ChangeFeed,
        *,
        max_sessions: int = MAX_SESSIONS,
        token_claims: Collection[str] = (),
    ) -> None:
        self._max_sessions = max_sessions
        self._token_claims = token_claims
        self._database = database
        self.is_live = feed.is_live
        """Return whether valid entries can be relied on: changes of the last seconds would have arrived."""
        self._sessions: OrderedDict[UUID, CachedSession] = OrderedDict()
        self._tokens: OrderedDict[str, VerifiedToken] = OrderedDict()
        self._answered: OrderedDict[CachedSession, None] = OrderedDict()
        self.token = self._tokens.get
        """Return the VerifiedToken of an access token, or None."""
        feed.subscribe(
            lambda type_: type_.invalidates not in {Invalidates.NOTHING, Invalidates.API_KEYS},
            on_events=self._invalidate,
            on_gap=self._invalidate_all,
        )
        # A change that this process makes holds from its next request on, before it arrives through the feed.
        database.subscribe(self._invalidate)

    async def find(self, session_id: UUID, now: datetime) -> CachedSession:
        """Return what the session allows.

        Reads the database if nothing is cached, and always while the feed is not live.

        Raises:
            StorageUnavailable
        """
        if not self.is_live():
            return await self._read(CachedSession(is_valid=False), session_id, now)
        cached = self._sessions.get(session_id)
        if cached is not None and now < cached.expires_at:
            return cached
        # Insert the entry before reading the row. If a change arrives while we read, it invalidates the entry, so that
        # the outdated row is never cached. Use an entry that another request is filling: if each request replaced it,
        # overlapping requests would never find one that is filled.
        if cached is None:
            cached = self._sessions[session_id] = CachedSession(is_valid=True)
            if len(self._sessions) > self._max_sessions:
                self._drop(next(iter(self._sessions)))
        if (await self._read(cached, session_id, now)).principal is None:
            self._drop(session_id)  # an ended session stays ended, so caching it is useless
        return cached

    async def find_anew(self, session_id: UUID, now: datetime) -> CachedSession:
        """As `find`, but always read the database: somebody may have changed rows by SQL, without an event.

        An entry that is still right stays. Otherwise alternating requests with old tokens would replace it each time.

        Raises:
            StorageUnavailable
        """
        cached = self._sessions.get(session_id)
        if cached is None or not self.is_live():
            return await self.find(session_id, now)
        read = await self._read(CachedSession(is_valid=True), session_id, now)
        if not cached.is_valid:  # something changed meanwhile, perhaps after the row was read
            read.is_valid = False
            return read
        if cached.principal is not None and cached.principal == read.principal:
            return cached
        self._drop(session_id)
        if read.principal is not None:
            self._sessions[session_id] = read
        return read

    def remember_token(self, token: str, verified: VerifiedToken) -> None:
        """Keep the result of a check, for as long as the session's entry is valid."""
        if not verified.session.is_valid:
            return
        self._tokens[token] = verified
        verified.session.tokens.add(token)
        if len(self._tokens) > MAX_TOKENS:
            oldest, forgotten = self._tokens.popitem(last=False)
            forgotten.session.tokens.discard(oldest)

    def remember_answer(self, session: CachedSession, endpoint: Hashable, answer: Any) -> None:
        """Keep a ready answer, for as long as the session's entry is valid."""
        if not session.is_valid:
            return
        session.answers[endpoint] = answer
        self._answered[session] = None
        if len(self._answered) > MAX_ANSWERS:
            self._answered.popitem(last=False)[0].answers.clear()

    def _invalidate(self, events: Iterable[Event]) -> None:
        for event in events:
            match invalidated_by(event):
                case Invalidates.SESSION if event.session_id is not None:
                    self._drop(event.session_id)
                case Invalidates.SESSION | Invalidates.USER if event.user_id is not None:
                    self._drop_user(event.user_id)
                case Invalidates.SESSION | Invalidates.USER | Invalidates.ALL:
                    self._invalidate_all()  # perhaps it names less than it invalidates, as one of a later version may
                case Invalidates.API_KEYS | Invalidates.NOTHING:
                    pass

    def _drop(self, session_id: UUID) -> None:
        if (session := self._sessions.pop(session_id, None)) is not None:
            session.is_valid = False
            for token in session.tokens:
                self._tokens.pop(token, None)
            session.tokens.clear()
            session.answers.clear()
            self._answered.pop(session, None)

    def _drop_user(self, user_id: UUID) -> None:
        # This is rare, and takes a few milliseconds. An entry that is still being filled may be of this user.
        for session_id, session in list(self._sessions.items()):
            if session.principal is None or session.principal.user_id == user_id:
                self._drop(session_id)

    def _invalidate_all(self) -> None:
        for session_id in list(self._sessions):
            self._drop(session_id)

    async def _read(self, session: CachedSession, session_id: UUID, now: datetime) -> CachedSession:
        with_metadata = bool(self._token_claims)
        found = await self._database.read(lambda uow: uow.sessions.with_user(session_id, with_metadata=with_metadata))
        if found is None or not found.lets_in(now):
            session.principal, session.expires_at = None, _UNREAD
        else:
            principal = principal_of(found, self._token_claims)
            if principal != session.principal:
                session.answers.clear()
                session.principal = principal
            session.expires_at = found.session.expires_at
            session.arrived_generation = max(session.arrived_generation, found.session.arrived_generation)
        return session
