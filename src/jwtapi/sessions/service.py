"""Opens, refreshes, checks and closes sessions. A session is one row for as long as it lives."""

import math
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import structlog

from jwtapi import audit
from jwtapi.access_claims import AccessClaims
from jwtapi.client import Client
from jwtapi.clock import Clock
from jwtapi.metrics import RefreshOutcome
from jwtapi.resources import Resources
from jwtapi.security.refresh_tokens import RefreshClaims
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.sessions.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired, RefreshTokenInvalid
from jwtapi.sessions.worth import Worth, worth_of
from jwtapi.storage.known_sessions import KnownSession
from jwtapi.storage.records import EventType, Session, User
from jwtapi.storage.repositories.sessions import SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork

MAX_CHECKED = 5_000
"""Access tokens that need no second check of their signature; about 6 MB."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    access_token: str = field(repr=False)
    expires_in: int
    """Seconds that the access token lives."""
    refresh_token: str = field(repr=False)
    refresh_expires_in: int
    """Seconds that the refresh token lives."""


class _CheckedToken(NamedTuple):
    """What came out of the check of a token, and how long that holds."""

    claims: AccessClaims | None
    """None if the signature is good and the session says otherwise."""
    session: KnownSession
    expires_at: datetime
    """When it expires, or its session unless that is refreshed before."""


class _Exchange(NamedTuple):
    """What became of the refresh tokens that a client showed."""

    outcome: RefreshOutcome
    good: SessionOfUser | None
    """The session of the one that was good, in the generation that the client shall have."""
    reuses: int
    """Sessions that ended."""


class SessionService:
    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._known_sessions = resources.known_sessions
        self._arrivals = resources.arrivals
        self._clock: Clock = resources.clock
        self._access_tokens = resources.access_tokens
        self._refresh_tokens = resources.refresh_tokens
        self._idle = timedelta(seconds=resources.settings.refresh_token_ttl)
        self._checked: OrderedDict[str, _CheckedToken] = OrderedDict()
        self._longest = timedelta(seconds=resources.settings.session_max_age)
        self._max_sessions = resources.settings.max_sessions_per_user
        self._metrics = resources.metrics

    async def open(self, uow: UnitOfWork, user: User, client: Client) -> Session:
        """Store a new session of a user whose row is locked, and end the oldest unused one of too many.

        Issue its tokens when the transaction has been committed, not before.
        """
        now = self._clock()
        session = Session(
            id=uuid4(),
            user_id=user.id,
            generation=0,
            key=secrets.token_bytes(32),
            created_at=now,
            refreshed_at=now,
            expires_at=now + self._idle,
            ends_at=now + self._longest,
            revoked_at=None,
        )
        others = await uow.sessions.add(session)
        if others >= self._max_sessions:
            ended = await uow.sessions.revoke_surplus(session, keep=self._max_sessions - 1)
            await audit.record_revocations(uow, ended, at=now, client=client, user_id=user.id)
        return session

    def issue(self, session: Session, user: User) -> IssuedTokens:
        """Make an access token and the refresh token of the session's present generation."""
        now = self._clock()
        return IssuedTokens(
            access_token=self._access_tokens.issue(_claims_of(session, user), now, generation=session.generation),
            expires_in=self._access_tokens.ttl,
            refresh_token=self._refresh_tokens.issue(
                user_id=user.id,
                session_id=session.id,
                generation=session.generation,
                session_key=session.key,
                issued_at=session.refreshed_at,
                expires_at=session.expires_at,
            ),
            refresh_expires_in=math.ceil((session.expires_at - now).total_seconds()),
        )

    async def refresh(self, refresh_tokens: Sequence[str], client: Client) -> IssuedTokens:
        """Exchange a refresh token for its successor and an access token.

        A browser can have several cookies of one name: of several good tokens the newest counts.

        Raises:
            RefreshTokenInvalid: none is good. What is forged, expired or revoked is passed over; the session of a token
                that was used before has been revoked, unless a good one of the same session came with it.
        """
        now = self._clock()
        shown = [claims for token in refresh_tokens if (claims := self._refresh_claims(token, now)) is not None]
        shown.sort(key=lambda claims: claims.issued_at, reverse=True)
        if not shown:
            self._metrics.count_refresh(RefreshOutcome.INVALID)
            raise RefreshTokenInvalid
        async with self._database.write() as uow:
            outcome, good, reuses = await self._first_good(uow, shown, now, client)
        self._metrics.count_refresh(outcome, reuses=reuses)
        if good is None:
            raise RefreshTokenInvalid
        return self.issue(good.session, good.user)

    async def _first_good(
        self, uow: UnitOfWork, shown: Sequence[RefreshClaims], now: datetime, client: Client
    ) -> _Exchange:
        """Exchange the first good token, and end the sessions of those that were used before."""
        good: SessionOfUser | None = None
        outcome = RefreshOutcome.INVALID
        reused: list[Session] = []
        for claims in shown:
            found = await _proven_session(uow, claims)
            if found is None or not found.session.is_alive(now) or found.user.disabled_at is not None:
                continue
            session, outcome = await self._exchange(uow, found.session, claims.generation, now)
            if session is not None:
                good = SessionOfUser(session, found.user)
                break
            reused.append(found.session)
        ended = 0
        for session in reused:
            # Who has a session's good token may show old ones of it. A good one of another session excuses nothing: a
            # thief could try a stolen token beside it and not be found.
            if good is None or session.id != good.session.id:
                ended += await self._end_reused(uow, session, now, client)
        return _Exchange(outcome, good, ended)

    async def _exchange(
        self, uow: UnitOfWork, read: Session, generation: int, now: datetime
    ) -> tuple[Session | None, RefreshOutcome]:
        """The session in the generation that the client shall have; None if the token was used before."""
        session: Session | None = read
        while session is not None and session.is_alive(now):
            arrived = max(session.arrived_generation, self._arrivals.noted(session.id))
            session = replace(session, arrived_generation=arrived)
            outcome = RefreshOutcome.PRESENT
            match worth_of(generation, session, now):
                case Worth.NEXT:
                    outcome = RefreshOutcome.NEXT
                    expires_at = min(now + self._idle, session.ends_at)
                    decided = await uow.sessions.rotate(session, now=now, expires_at=expires_at)
                case Worth.PRESENT:
                    decided = session
                case Worth.PRESENT_LATE:
                    decided = await uow.sessions.hand_out_late(session, now=now)
                case Worth.REUSED:
                    return None, RefreshOutcome.REUSED
            if decided is not None:
                return decided, outcome
            # Another request changed the row since it was read. A token is only ever worth less, so this ends.
            session = await uow.sessions.get(session.id)
        return None, RefreshOutcome.INVALID

    async def _end_reused(self, uow: UnitOfWork, session: Session, now: datetime, client: Client) -> bool:
        if not await self._revoke(uow, session.id, session.user_id, now, client):
            return False
        await audit.record(
            uow,
            EventType.REFRESH_TOKEN_REUSED,
            at=now,
            client=client,
            user_id=session.user_id,
            session_id=session.id,
        )
        log.warning("refresh token reused, session revoked", user_id=str(session.user_id), session_id=str(session.id))
        return True

    async def authenticate(self, access_token: str | None) -> AccessClaims:
        """Return what the caller's access token says, if its session is alive and its user enabled.

        Raises:
            AccessTokenRequired: there is none.
            AccessTokenExpired, AccessTokenInvalid: it is not, or no longer, good.
        """
        if access_token is None:
            raise AccessTokenRequired
        now = self._clock()
        checked = self._checked.get(access_token)
        if (
            checked is not None
            and checked.session.is_current
            and now < checked.expires_at
            and self._known_sessions.hears_changes()
        ):
            if checked.claims is None:
                raise AccessTokenInvalid
            return checked.claims
        return await self._check(access_token, now)

    async def _check(self, access_token: str, now: datetime) -> AccessClaims:
        """As `authenticate`, for a token that was not checked lately."""
        try:
            claims, generation, expires_at = self._access_tokens.read(access_token, now)
        except ExpiredToken:
            raise AccessTokenExpired from None
        except InvalidToken:
            raise AccessTokenInvalid from None
        session = await self._known_sessions.find(claims.session_id, now)
        if session.claims is not None and not session.claims.says_the_same_as(claims):
            # SQL changed the name or the roles, and what is remembered or what the token says is older than that.
            session = await self._known_sessions.find_anew(claims.session_id, now)
        if session.claims is None:
            raise AccessTokenInvalid
        # Who learns JWT_SECRET must not give their own session another name or other roles.
        agrees = session.claims.says_the_same_as(claims)
        # The session's claims, not the token's: its tokens share them, and what is remembered of them. A refusal is
        # remembered too, so that an old token makes its session be read once.
        self._checked[access_token] = _CheckedToken(
            session.claims if agrees else None, session, min(expires_at, session.expires_at)
        )
        if len(self._checked) > MAX_CHECKED:
            self._checked.popitem(last=False)
        if not agrees:
            raise AccessTokenInvalid
        if generation > session.arrived_generation:
            session.arrived_generation = generation
            self._arrivals.note(claims.session_id, generation)
        return session.claims

    async def close(self, *, refresh_tokens: Sequence[str], access_token: str | None, client: Client) -> None:
        """Revoke the sessions of the tokens. What is forged or has ended is passed over.

        A refresh token signs out even if it was used or has expired, an access token only while it is good: an old one
        may lie in a log.
        """
        now = self._clock()
        refresh_claims = [
            claims
            for token in refresh_tokens
            if (claims := self._refresh_claims(token, now, expired_too=True)) is not None
        ]
        access_claims = self._access_claims(access_token, now)
        if not refresh_claims and access_claims is None:
            return
        async with self._database.write() as uow:
            for claims in refresh_claims:
                if await _proven_session(uow, claims) is not None:
                    await self._revoke(uow, claims.session_id, claims.user_id, now, client)
            if access_claims is not None:
                await self._revoke(uow, access_claims.session_id, access_claims.user_id, now, client)

    async def _revoke(self, uow: UnitOfWork, session_id: UUID, user_id: UUID, now: datetime, client: Client) -> bool:
        revoked = await uow.sessions.revoke(session_id, now)
        if revoked:
            await audit.record(
                uow, EventType.SESSION_REVOKED, at=now, client=client, user_id=user_id, session_id=session_id
            )
        return revoked

    def _refresh_claims(self, token: str, now: datetime, *, expired_too: bool = False) -> RefreshClaims | None:
        try:
            return self._refresh_tokens.read(token, now, expired_too=expired_too)
        except InvalidToken:
            return None

    def _access_claims(self, token: str | None, now: datetime) -> AccessClaims | None:
        try:
            return self._access_tokens.read(token, now).claims if token is not None else None
        except InvalidToken:
            return None


def _claims_of(session: Session, user: User) -> AccessClaims:
    return AccessClaims(user_id=user.id, username=user.username, session_id=session.id, roles=tuple(user.roles))


async def _proven_session(uow: UnitOfWork, claims: RefreshClaims) -> SessionOfUser | None:
    """The session that the token belongs to, if the token's maker knew the session's key."""
    found = await uow.sessions.with_user(claims.session_id)
    if found is None or found.user.id != claims.user_id or not claims.is_proven_by(found.session.key):
        return None
    return found
