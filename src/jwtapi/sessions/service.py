"""Opens, refreshes and ends sessions. Each session is one row."""

import math
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Self
from uuid import UUID, uuid4

import structlog

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.mail.notices import Notices
from jwtapi.metrics import Metrics, RefreshOutcome
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens, DecodedToken, IssuedAccessToken
from jwtapi.security.refresh_tokens import RefreshClaims, RefreshTokens
from jwtapi.security.signed_tokens import InvalidToken
from jwtapi.sessions.cache import methods_of, principal_of
from jwtapi.sessions.errors import RefreshTokenInvalid
from jwtapi.sessions.events import REFRESH_TOKEN_REUSED, SESSION_REAUTHENTICATED, SESSION_REVOKED, SESSIONS_REVOKED
from jwtapi.sessions.known_keys import KnownKeys
from jwtapi.sessions.worth import Worth, worth_of
from jwtapi.settings import ISSUER, Settings
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.sessions import Session, SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.token_claims import NONE, chosen, fit

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
    """The sessions to end, because their tokens were used before."""


class _Shown(NamedTuple):
    """The tokens of somebody who signs out. None of them is forged."""

    refresh_claims: Sequence[RefreshClaims]
    """They may be of used or expired tokens."""
    decoded: DecodedToken | None
    """The access token."""
    at: datetime


class SessionService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        arrivals: Arrivals,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        policy: SessionPolicy,
        notices: Notices,
        metrics: Metrics,
        clock: Clock,
        *,
        token_claims: Collection[str] = (),
    ) -> None:
        self._database = database
        self._arrivals = arrivals
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._policy = policy
        self._notices = notices
        self._metrics = metrics
        self._clock = clock
        self._token_claims = token_claims
        self._keys = KnownKeys()

    def new(
        self,
        user_id: UUID,
        caller: Caller,
        *,
        amr: Sequence[str],
        auth_time: datetime,
        client_id: UUID | None = None,
    ) -> Session:
        """Make a session to store. If a client signs in the user, nobody else can refresh the session.

        Issue its tokens after the transaction was committed, not before.
        """
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
            client_id=client_id,
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

    def end(self, uow: UnitOfWork, session_id: UUID, user_id: UUID, caller: Caller) -> bool:
        """End a session. Return False if it had ended before, or if it belongs to another user.

        On PostgreSQL this is one statement, which can commit by itself.
        """
        return self._revoke(uow, session_id, user_id, self._clock(), caller)

    def end_all(self, uow: UnitOfWork, user_id: UUID, caller: Caller, *, keep: UUID | None = None) -> int:
        """End every session of the user except `keep`, with one event. Return how many were alive.

        On PostgreSQL this is one statement, which can commit by itself.
        """
        ended = audit.event(SESSIONS_REVOKED, at=self._clock(), caller=caller, user_id=user_id)
        return uow.sessions.revoke_all(user_id, ended, keep=keep)

    def reauthenticate(
        self, uow: UnitOfWork, principal: Principal, caller: Caller, *, methods: Sequence[str], auth_time: datetime
    ) -> Session | None:
        """Record that a user, whose row is locked, has signed in again. Return None if there is no session any more."""
        session = uow.sessions.get(principal.session_id) if principal.session_id is not None else None
        if session is None:
            return None
        before, now, user_id = methods_of(session), self._clock(), principal.user_id
        amr = [*before, *(method for method in methods if method not in before)]
        changed = uow.sessions.reauthenticate(session.id, user_id, amr=amr, auth_time=auth_time, now=now)
        if changed is not None:
            event = audit.event(SESSION_REAUTHENTICATED, at=now, caller=caller, user_id=user_id, session_id=session.id)
            uow.events.add(event)
        return changed

    def issue_access_token(self, issued: SessionOfUser) -> IssuedAccessToken:
        """Make an access token without a refresh token.

        It names the generation that is known to have arrived. The present one may not have: if this token claimed it, a
        client that has lost the answer to its refresh, and repeats it, would look like a thief. See sessions/worth.py.
        """
        return self._access_token(issued, self._clock(), generation=issued.session.arrived_generation)

    def issue(self, issued: SessionOfUser) -> TokenPair:
        """Make an access token, and the refresh token of the session's present generation."""
        session = issued.session
        now = self._clock()
        access = self._access_token(issued, now, generation=session.generation)
        return TokenPair(
            access_token=access.access_token,
            expires_in=access.expires_in,
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

    def _access_token(self, issued: SessionOfUser, now: datetime, *, generation: int) -> IssuedAccessToken:
        session = issued.session
        client_id = str(session.client_id) if session.client_id is not None else ISSUER
        principal = principal_of(issued, self._token_claims)
        if principal.claims_json == NONE and not fit(chosen(issued.owner.metadata or {}, self._token_claims)):
            log.error(
                "the metadata of a user do not fit into access tokens, which have none of them",
                user_id=str(principal.user_id),
                remedy="make smaller what TOKEN_CLAIMS chooses: `jwtapi user metadata`",
            )
        return self._access_tokens.issue(
            principal, now, generation=generation, until=session.expires_at, client_id=client_id
        )

    async def refresh(
        self, refresh_tokens: Sequence[str], caller: Caller, *, client_id: UUID | None = None
    ) -> TokenPair:
        """Exchange a refresh token for its successor and an access token.

        A browser can have several cookies with the same name. If several tokens are valid, the newest counts. The
        tokens of a client are valid only with its `client_id`; otherwise nothing changes, and nothing counts as reuse.

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
        unit = partial(self._first_valid, sent=sent, client_id=client_id, now=now)
        outcome, valid, found_reused = await self._database.write(unit, autocommit=True)
        # A transaction of its own, because it stores a mail too. It is never too late: a token only loses worth.
        reused = [session for session in found_reused if await self._end_reused(session, now, caller)]
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
        self, uow: UnitOfWork, *, sent: Sequence[RefreshClaims], client_id: UUID | None, now: datetime
    ) -> _Exchange:
        """Exchange the first valid token, and find the sessions of the tokens that were used before."""
        valid: SessionOfUser | None = None
        outcome = RefreshOutcome.INVALID
        reused: list[Session] = []
        for claims in sent:
            if (key := self._keys.get(claims.session_id)) is not None and claims.is_proven_by(key):
                # Most often this one statement is all.
                valid = self._rotate(uow, claims.session_id, claims.user_id, claims.generation, client_id, now)
                if valid is not None:
                    outcome = RefreshOutcome.NEXT
                    break
            found = _proven_session(uow, claims, with_metadata=bool(self._token_claims))
            if found is None or not found.lets_in(now) or not found.session.may_be_refreshed_by(client_id):
                continue
            valid, outcome = self._exchange(uow, found, claims.generation, now)
            if valid is not None:
                break
            reused.append(found.session)
        # A client with a session's valid token may also send its old ones. A valid token of another session is no
        # excuse: otherwise a thief could send a stolen token with one of the thief's own, unnoticed.
        return _Exchange(outcome, valid, [each for each in reused if valid is None or each.id != valid.session.id])

    def _exchange(
        self, uow: UnitOfWork, found: SessionOfUser, generation: int, now: datetime
    ) -> tuple[SessionOfUser | None, RefreshOutcome]:
        """Return the session in the generation whose token the client gets, or None if the token is not valid."""
        session: Session | None = found.session
        while session is not None and session.is_alive(now):
            session = self._with_arrivals(session)
            match worth_of(generation, session, now):
                case Worth.NEXT:
                    rotated = self._rotate(uow, session.id, session.user_id, generation, session.client_id, now)
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

    def _rotate(  # noqa: PLR0913, PLR0917  all of them decide
        self,
        uow: UnitOfWork,
        session_id: UUID,
        user_id: UUID,
        generation: int,
        client_id: UUID | None,
        now: datetime,
    ) -> SessionOfUser | None:
        return uow.sessions.rotate(
            session_id,
            user_id,
            generation,
            now=now,
            idle_until=now + self._policy.idle,
            client_id=client_id,
            with_metadata=bool(self._token_claims),
        )

    async def _end_reused(self, session: Session, now: datetime, caller: Caller) -> bool:
        """End the session of a token that was used before, and tell its owner. Return False if it had ended before."""
        tells_owner = await self._notices.admits_token_reused(session.user_id)

        def end(uow: UnitOfWork) -> bool:
            reused = audit.event(REFRESH_TOKEN_REUSED, at=now, caller=caller, user_id=session.user_id)
            if not self._revoke(uow, session.id, session.user_id, now, caller, reused):
                return False
            if tells_owner and (user := uow.users.get(session.user_id)) is not None:
                self._notices.token_reused(uow, user, caller)
            return True

        ended = await self._database.write(end)
        if ended and tells_owner:
            self._notices.wake()
        return ended

    async def log_out(
        self,
        *,
        refresh_tokens: Sequence[str],
        access_token: str | None,
        caller: Caller,
        only_of: UUID | None = None,
    ) -> bool:
        """Revoke the sessions of the tokens. Forged tokens and ended sessions are skipped.

        A refresh token signs out even if it was used or has expired. An access token signs out only while it is valid,
        because somebody may have found an old one in a log.

        Return False if a session was left alone, because it is not of the client `only_of`.
        """
        shown = self._shown(refresh_tokens, access_token)
        if not shown.refresh_claims and shown.decoded is None:
            return True
        unit = partial(self._end_shown, shown=shown, caller=caller, only_of=only_of)
        return await self._database.write(unit, autocommit=True)

    async def log_out_everywhere(
        self, *, refresh_tokens: Sequence[str], access_token: str | None, caller: Caller
    ) -> bool:
        """End all sessions of the users whose tokens are valid. Return False if no token is valid.

        A refresh token is valid if `refresh` would accept it. Otherwise somebody who found an old one, in a log or a
        backup, could sign its user out on every device, again and again. It ends its own session, as in `log_out`.
        """
        shown = self._shown(refresh_tokens, access_token)
        refreshing = [claims for token in refresh_tokens if (claims := self._refresh_claims(token, shown.at))]

        def end(uow: UnitOfWork) -> bool:
            user_ids = {user_id for claims in refreshing if (user_id := self._user_let_in(uow, claims, shown.at))}
            if shown.decoded is not None and _lets_in(uow, shown.decoded, shown.at):
                user_ids.add(shown.decoded.principal.user_id)
            for user_id in user_ids:
                self.end_all(uow, user_id, caller)
            self._end_shown(uow, shown=shown, caller=caller)
            return bool(user_ids)

        return await self._database.write(end, autocommit=True)

    def _shown(self, refresh_tokens: Sequence[str], access_token: str | None) -> _Shown:
        now = self._clock()
        refresh_claims = [
            claims
            for token in refresh_tokens
            if (claims := self._refresh_claims(token, now, at_any_time=True)) is not None
        ]
        return _Shown(refresh_claims, self._decoded(access_token, now), now)

    def _end_shown(self, uow: UnitOfWork, *, shown: _Shown, caller: Caller, only_of: UUID | None = None) -> bool:
        """Return False if a session was left alone, because it is not of the client `only_of`."""
        refresh_claims, decoded, now = shown
        to_end = {
            claims.session_id: claims.user_id for claims in refresh_claims if _proven_session(uow, claims) is not None
        }
        if decoded is not None:
            to_end.setdefault(decoded.session_id, decoded.principal.user_id)
        if only_of is not None:  # reading before is no race, because a session never changes its client
            stored = {session_id: uow.sessions.get(session_id) for session_id in to_end}
            others = {id_ for id_, session in stored.items() if session is not None and session.client_id != only_of}
        else:
            others = set()
        for session_id, user_id in to_end.items():
            if session_id not in others:
                self._revoke(uow, session_id, user_id, now, caller)
        return not others

    def _user_let_in(self, uow: UnitOfWork, claims: RefreshClaims, now: datetime) -> UUID | None:
        """Return the user of a refresh token that `refresh` would accept without a client."""
        found = _proven_session(uow, claims)
        if found is None or not found.lets_in(now) or not found.session.may_be_refreshed_by(None):
            return None
        worth = worth_of(claims.generation, self._with_arrivals(found.session), now)
        return claims.user_id if worth is not Worth.REUSED else None

    def _with_arrivals(self, session: Session) -> Session:
        arrived = max(session.arrived_generation, self._arrivals.noted(session.id))
        return replace(session, arrived_generation=arrived)

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


def _lets_in(uow: UnitOfWork, decoded: DecodedToken, now: datetime) -> bool:
    found = uow.sessions.with_user(decoded.session_id)
    return found is not None and found.lets_in(now) and found.session.user_id == decoded.principal.user_id


def _proven_session(uow: UnitOfWork, claims: RefreshClaims, *, with_metadata: bool = False) -> SessionOfUser | None:
    """Return the session of the token, if the token proves that its issuer knew the session's key."""
    found = uow.sessions.with_user(claims.session_id, with_metadata=with_metadata)
    if found is None or found.session.user_id != claims.user_id or not claims.is_proven_by(found.session.key):
        return None
    return found
