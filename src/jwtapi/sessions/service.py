"""Opens, refreshes, checks and closes sessions. A session is one row for as long as it lives."""

import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import structlog

from jwtapi import audit
from jwtapi.access_claims import AccessClaims
from jwtapi.client import Client
from jwtapi.clock import Clock
from jwtapi.resources import Resources
from jwtapi.security.refresh_tokens import RefreshClaims
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.sessions.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired, RefreshTokenInvalid
from jwtapi.storage.known_sessions import KnownSession
from jwtapi.storage.records import EventType, Session, User
from jwtapi.storage.repositories.sessions import SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork

GRACE = timedelta(seconds=10)
"""How long a refresh token that was just used still gets the successor that it got: an answer is lost, two tabs
refresh at once. Longer helps thieves."""

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
    """A token that was found good, and what it takes to be so again without another look at it."""

    claims: AccessClaims
    session: KnownSession
    expires_at: datetime
    """When it expires, or its session unless that is refreshed before."""


class SessionService:
    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._known_sessions = resources.known_sessions
        self._clock: Clock = resources.clock
        self._access_tokens = resources.access_tokens
        self._refresh_tokens = resources.refresh_tokens
        self._idle = timedelta(seconds=resources.settings.refresh_token_ttl)
        self._checked: OrderedDict[str, _CheckedToken] = OrderedDict()
        self._longest = timedelta(seconds=resources.settings.session_max_age)

    async def open(self, uow: UnitOfWork, user: User) -> Session:
        """Store a new session. Issue its tokens when the transaction has been committed, not before."""
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
        await uow.sessions.add(session)
        return session

    def issue(self, session: Session, user: User) -> IssuedTokens:
        """Make an access token and the refresh token of the session's present generation."""
        now = self._clock()
        return IssuedTokens(
            access_token=self._access_tokens.issue(_claims_of(session, user), now),
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

    async def refresh(self, refresh_token: str, client: Client) -> IssuedTokens:
        """Exchange a refresh token for its successor and an access token.

        Raises:
            RefreshTokenInvalid: it is forged, used, expired or revoked. If it was used, its session has been revoked.
        """
        now = self._clock()
        try:
            claims = self._refresh_tokens.read(refresh_token, now)
        except InvalidToken:
            raise RefreshTokenInvalid from None
        async with self._database.write() as uow:
            found = await _proven_session(uow, claims)
            rotated = await self._rotate(uow, found, claims, now, client) if found is not None else None
        if found is None or rotated is None:
            raise RefreshTokenInvalid
        return self.issue(rotated, found.user)

    async def _rotate(
        self, uow: UnitOfWork, found: SessionOfUser, claims: RefreshClaims, now: datetime, client: Client
    ) -> Session | None:
        """Return the session in the generation that the client shall have; None if it shall have none."""
        session = found.session
        if not session.is_alive(now) or found.user.disabled_at is not None:
            return None
        if claims.generation == session.generation:
            rotated = await uow.sessions.rotate(session, now=now, expires_at=min(now + self._idle, session.ends_at))
            if rotated is not None:
                return rotated
            # Somebody was faster since the row was read. What the token is worth is for the row of now to say.
            session = await uow.sessions.get(session.id) or session
        if (
            session.is_alive(now)
            and claims.generation == session.generation - 1
            and now - session.refreshed_at <= GRACE
        ):
            return session
        if await self._revoke(uow, session.id, session.user_id, now, client):
            await audit.record(
                uow,
                EventType.REFRESH_TOKEN_REUSED,
                at=now,
                client=client,
                user_id=session.user_id,
                session_id=session.id,
            )
            log.warning(
                "refresh token reused, session revoked", user_id=str(session.user_id), session_id=str(session.id)
            )
        return None

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
            return checked.claims
        try:
            claims, expires_at = self._access_tokens.read(access_token, now)
        except ExpiredToken:
            raise AccessTokenExpired from None
        except InvalidToken:
            raise AccessTokenInvalid from None
        session = await self._known_sessions.find(claims.session_id, now)
        # Who learns JWT_SECRET must not give their own session another name or other roles.
        if session.claims is None or not session.claims.says_the_same_as(claims):
            raise AccessTokenInvalid
        # The session's claims, not the token's: its tokens share them, and what is remembered of them.
        self._checked[access_token] = _CheckedToken(session.claims, session, min(expires_at, session.expires_at))
        if len(self._checked) > MAX_CHECKED:
            self._checked.popitem(last=False)
        return session.claims

    async def close(self, *, refresh_token: str | None, access_token: str | None, client: Client) -> None:
        """Revoke the sessions of the tokens. What is forged or over already is passed over."""
        now = self._clock()
        refresh_claims = self._refresh_claims(refresh_token, now)
        access_claims = self._access_claims(access_token, now)
        if refresh_claims is None and access_claims is None:
            return
        async with self._database.write() as uow:
            if refresh_claims is not None and await _proven_session(uow, refresh_claims) is not None:
                await self._revoke(uow, refresh_claims.session_id, refresh_claims.user_id, now, client)
            if access_claims is not None:
                await self._revoke(uow, access_claims.session_id, access_claims.user_id, now, client)

    async def _revoke(self, uow: UnitOfWork, session_id: UUID, user_id: UUID, now: datetime, client: Client) -> bool:
        revoked = await uow.sessions.revoke(session_id, now)
        if revoked:
            await audit.record(
                uow, EventType.SESSION_REVOKED, at=now, client=client, user_id=user_id, session_id=session_id
            )
        return revoked

    def _refresh_claims(self, token: str | None, now: datetime) -> RefreshClaims | None:
        try:
            return self._refresh_tokens.read(token, now, expired_too=True) if token is not None else None
        except InvalidToken:
            return None

    def _access_claims(self, token: str | None, now: datetime) -> AccessClaims | None:
        try:
            return self._access_tokens.read(token, now, expired_too=True).claims if token is not None else None
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
