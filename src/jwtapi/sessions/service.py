"""Opens, refreshes and ends sessions. Each session is one row."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Self
from uuid import UUID, uuid4

import structlog

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.metrics import Metrics, RefreshOutcome
from jwtapi.security.access_tokens import AccessTokens, DecodedToken
from jwtapi.security.refresh_tokens import RefreshClaims, RefreshTokens
from jwtapi.security.signed_tokens import InvalidToken
from jwtapi.sessions.cache import principal_of
from jwtapi.sessions.errors import RefreshTokenInvalid
from jwtapi.sessions.events import REFRESH_TOKEN_REUSED, SESSION_REVOKED
from jwtapi.sessions.known_keys import KnownKeys
from jwtapi.sessions.worth import Worth, worth_of
from jwtapi.settings import Settings
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.sessions import Session, SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

_SIMULTANEOUS_LOGINS = 8
"""With so many sessions less than the maximum, a login counts again, exactly."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str = field(repr=False)
    expires_in: int
    """Lifetime of the access token in seconds."""
    refresh_token: str = field(repr=False)
    refresh_expires_in: int
    """Lifetime of the refresh token in seconds."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    idle: timedelta
    """Lifetime of a session without a refresh."""
    absolute: timedelta
    """Lifetime of a session, even if it is refreshed."""
    max_per_user: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            idle=timedelta(seconds=settings.refresh_token_ttl),
            absolute=timedelta(seconds=settings.session_max_age),
            max_per_user=settings.max_sessions_per_user,
        )


class _Exchange(NamedTuple):
    """The result of checking the refresh tokens that a client sent."""

    outcome: RefreshOutcome
    valid: SessionOfUser | None
    """The session of the valid token, in the generation whose token the client gets. None if no token was valid."""
    reused: Sequence[Session]
    """The sessions that were ended because their tokens were used before."""


class SessionService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        arrivals: Arrivals,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        policy: SessionPolicy,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._arrivals = arrivals
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._policy = policy
        self._metrics = metrics
        self._clock = clock
        self._keys = KnownKeys()

    def new(self, user_id: UUID, caller: Caller, *, amr: Sequence[str], auth_time: datetime) -> Session:
        """Make a session to store. Issue its tokens after the transaction was committed, not before."""
        now = self._clock()
        return Session(
            id=uuid4(),
            user_id=user_id,
            generation=0,
            key=secrets.token_bytes(32),
            created_at=now,
            refreshed_at=now,
            expires_at=now + self._policy.idle,
            ends_at=now + self._policy.absolute,
            revoked_at=None,
            amr=list(amr),
            auth_time=auth_time,
            address=caller.address,
            user_agent=caller.user_agent,
        )

    async def open(self, session: Session, user: User, caller: Caller, opened: Event) -> User | None:
        """Store a new session with the event `opened`, and end the oldest unused ones beyond the maximum.

        Return the user as stored now, or None if the user has another password or was disabled since `user` was read,
        or is being changed now. Then nothing was stored.
        """
        added = await self._database.write(
            lambda uow: uow.sessions.add_unless_user_changed(session, user, opened), autocommit=True
        )
        if added is None:
            return None
        self._keys.remember(session.id, session.key)
        # The statement does not count the sessions of logins that commit while it runs.
        if added.others + _SIMULTANEOUS_LOGINS >= self._policy.max_per_user:
            await self._database.write(partial(self._end_surplus, session=session, caller=caller))
        return added.user

    def add(self, uow: UnitOfWork, session: Session, caller: Caller, opened: Event) -> None:
        """As `open`, in a transaction that has locked the user."""
        others = uow.sessions.add(session)
        uow.events.add(replace(opened, session_id=session.id))
        if others >= self._policy.max_per_user:
            self._end_surplus(uow, session, caller)

    def _end_surplus(self, uow: UnitOfWork, session: Session, caller: Caller) -> None:
        uow.users.get_for_update(session.user_id)
        stored = uow.sessions.get(session.id)
        if stored is None or stored.revoked_at is not None:
            return  # another login has ended this session, and all that were older
        ended = self._revocation(session.user_id, session.created_at, caller)
        uow.sessions.revoke_surplus(session, ended, keep=self._policy.max_per_user - 1)

    def end_all(self, uow: UnitOfWork, user_id: UUID, caller: Caller) -> None:
        """End every session of a user whose row is locked."""
        uow.sessions.revoke_all(user_id, self._revocation(user_id, self._clock(), caller))

    def issue(self, issued: SessionOfUser) -> TokenPair:
        """Make an access token, and the refresh token of the session's present generation."""
        session = issued.session
        now = self._clock()
        return TokenPair(
            access_token=self._access_tokens.issue(principal_of(issued), now, generation=session.generation),
            expires_in=self._access_tokens.ttl,
            refresh_token=self._refresh_tokens.issue(
                user_id=session.user_id,
                session_id=session.id,
                generation=session.generation,
                session_key=session.key,
                issued_at=session.refreshed_at,
                expires_at=session.expires_at,
            ),
            refresh_expires_in=math.ceil((session.expires_at - now).total_seconds()),
        )

    async def refresh(self, refresh_tokens: Sequence[str], caller: Caller) -> TokenPair:
        """Exchange a refresh token for its successor and an access token.

        A browser can have several cookies with the same name. If several tokens are valid, the newest counts.

        Raises:
            RefreshTokenInvalid: no token is valid. Forged, expired and revoked tokens are skipped. The session of a
                token that was used before is revoked, unless a valid token of the same session was sent too.
        """
        now = self._clock()
        sent = [claims for token in refresh_tokens if (claims := self._refresh_claims(token, now)) is not None]
        sent.sort(key=lambda claims: claims.issued_at, reverse=True)
        if not sent:
            self._metrics.count_refresh(RefreshOutcome.INVALID)
            raise RefreshTokenInvalid
        unit = partial(self._first_valid, sent=sent, now=now, caller=caller)
        outcome, valid, reused = await self._database.write(unit, autocommit=True)
        for session in reused:
            log.warning(
                "refresh token reused, session revoked", user_id=str(session.user_id), session_id=str(session.id)
            )
        self._metrics.count_refresh(outcome, reuses=len(reused))
        if valid is None:
            raise RefreshTokenInvalid
        self._keys.remember(valid.session.id, valid.session.key)
        return self.issue(valid)

    def _first_valid(
        self, uow: UnitOfWork, *, sent: Sequence[RefreshClaims], now: datetime, caller: Caller
    ) -> _Exchange:
        """Exchange the first valid token, and end the sessions of the tokens that were used before."""
        valid: SessionOfUser | None = None
        outcome = RefreshOutcome.INVALID
        reused: list[Session] = []
        for claims in sent:
            if (key := self._keys.get(claims.session_id)) is not None and claims.is_proven_by(key):
                # Most often this one statement is all.
                valid = self._rotate(uow, claims.session_id, claims.user_id, claims.generation, now)
                if valid is not None:
                    outcome = RefreshOutcome.NEXT
                    break
            found = _proven_session(uow, claims)
            if found is None or not found.lets_in(now):
                continue
            valid, outcome = self._exchange(uow, found, claims.generation, now)
            if valid is not None:
                break
            reused.append(found.session)
        # A client with a session's valid token may also send its old ones. A valid token of another session is no
        # excuse: otherwise a thief could send a stolen token with one of the thief's own, unnoticed.
        ended = [
            session
            for session in reused
            if (valid is None or session.id != valid.session.id) and self._end_reused(uow, session, now, caller)
        ]
        return _Exchange(outcome, valid, ended)

    def _exchange(
        self, uow: UnitOfWork, found: SessionOfUser, generation: int, now: datetime
    ) -> tuple[SessionOfUser | None, RefreshOutcome]:
        """Return the session in the generation whose token the client gets, or None if the token is not valid."""
        session: Session | None = found.session
        while session is not None and session.is_alive(now):
            arrived = max(session.arrived_generation, self._arrivals.noted(session.id))
            session = replace(session, arrived_generation=arrived)
            match worth_of(generation, session, now):
                case Worth.NEXT:
                    rotated = self._rotate(uow, session.id, session.user_id, generation, now)
                    if rotated is not None:
                        return rotated, RefreshOutcome.NEXT
                case Worth.PRESENT:
                    return SessionOfUser(session, found.owner), RefreshOutcome.PRESENT
                case Worth.PRESENT_LATE:
                    reissued = uow.sessions.reissue_late(session, now=now)
                    if reissued is not None:
                        return SessionOfUser(reissued, found.owner), RefreshOutcome.PRESENT
                case Worth.REUSED:
                    return None, RefreshOutcome.REUSED
            # Another request changed the row after we read it. Decide again by the present row. This loop ends, because
            # a token only loses worth.
            session = uow.sessions.get(session.id)
        return None, RefreshOutcome.INVALID

    def _rotate(
        self, uow: UnitOfWork, session_id: UUID, user_id: UUID, generation: int, now: datetime
    ) -> SessionOfUser | None:
        return uow.sessions.rotate(session_id, user_id, generation, now=now, idle_until=now + self._policy.idle)

    def _end_reused(self, uow: UnitOfWork, session: Session, now: datetime, caller: Caller) -> bool:
        reused = audit.event(REFRESH_TOKEN_REUSED, at=now, caller=caller, user_id=session.user_id)
        return self._revoke(uow, session.id, session.user_id, now, caller, reused)

    async def log_out(self, *, refresh_tokens: Sequence[str], access_token: str | None, caller: Caller) -> None:
        """Revoke the sessions of the tokens. Forged tokens and ended sessions are skipped.

        A refresh token signs out even if it was used or has expired. An access token signs out only while it is valid,
        because somebody may have found an old one in a log.
        """
        now = self._clock()
        refresh_claims = [
            claims
            for token in refresh_tokens
            if (claims := self._refresh_claims(token, now, at_any_time=True)) is not None
        ]
        decoded = self._decoded(access_token, now)
        if not refresh_claims and decoded is None:
            return

        def end(uow: UnitOfWork) -> None:
            ended = set()
            for claims in refresh_claims:
                if _proven_session(uow, claims) is not None:
                    self._revoke(uow, claims.session_id, claims.user_id, now, caller)
                    ended.add(claims.session_id)
            if decoded is not None and decoded.session_id not in ended:
                self._revoke(uow, decoded.session_id, decoded.principal.user_id, now, caller)

        await self._database.write(end, autocommit=True)

    def _revoke(
        self, uow: UnitOfWork, session_id: UUID, user_id: UUID, now: datetime, caller: Caller, *others: Event
    ) -> bool:
        return uow.sessions.revoke(session_id, user_id, self._revocation(user_id, now, caller), *others)

    @staticmethod
    def _revocation(user_id: UUID, now: datetime, caller: Caller) -> Event:
        return audit.event(SESSION_REVOKED, at=now, caller=caller, user_id=user_id)

    def _refresh_claims(self, token: str, now: datetime, *, at_any_time: bool = False) -> RefreshClaims | None:
        try:
            return self._refresh_tokens.decode(token, now, at_any_time=at_any_time)
        except InvalidToken:
            return None

    def _decoded(self, access_token: str | None, now: datetime) -> DecodedToken | None:
        try:
            # Accept a token from the future: if the clock was set back, a logout must still end the session.
            return self._access_tokens.decode(access_token, now, allow_early=True) if access_token is not None else None
        except InvalidToken:
            return None


def _proven_session(uow: UnitOfWork, claims: RefreshClaims) -> SessionOfUser | None:
    """Return the session of the token, if the token proves that its issuer knew the session's key."""
    found = uow.sessions.with_user(claims.session_id)
    if found is None or found.session.user_id != claims.user_id or not claims.is_proven_by(found.session.key):
        return None
    return found
