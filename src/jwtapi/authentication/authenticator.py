"""Finds the principal of a request by its access token."""

from dataclasses import replace
from datetime import datetime

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired
from jwtapi.clock import Clock
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.sessions.cache import CachedSession, SessionCache, VerifiedToken
from jwtapi.storage.arrivals import Arrivals


class Authenticator:
    def __init__(self, access_tokens: AccessTokens, sessions: SessionCache, arrivals: Arrivals, clock: Clock) -> None:
        self._access_tokens = access_tokens
        self._sessions = sessions
        self._arrivals = arrivals
        self._clock = clock

    async def authenticate(self, access_token: str | None) -> Principal:
        """Return the principal of the token.

        Raises:
            AccessTokenRequired: there is no token.
            AccessTokenExpired, AccessTokenInvalid: the token is not valid, or no longer valid.
            StorageUnavailable
        """
        session = await self.session(access_token)
        assert session.principal is not None  # noqa: S101  `session` raises otherwise
        return session.principal

    async def session(self, access_token: str | None) -> CachedSession:
        """Return the session of a valid token. Its `principal` is not None.

        Raises:
            as `authenticate`.
        """
        if access_token is None:
            raise AccessTokenRequired
        now = self._clock()
        verified = self._sessions.token(access_token)
        if (
            verified is not None
            and now < verified.expires_at
            and verified.session.is_valid
            and self._sessions.is_live()
        ):
            if not verified.agrees:
                raise AccessTokenInvalid
            return verified.session
        return await self._verify(access_token, now)

    async def _verify(self, access_token: str, now: datetime) -> CachedSession:
        try:
            decoded = self._access_tokens.decode(access_token, now)
        except ExpiredToken:
            raise AccessTokenExpired from None
        except InvalidToken:
            raise AccessTokenInvalid from None
        session = await self._sessions.find(decoded.session_id, now)
        if session.principal is not None and not _agrees(decoded.principal, session.principal):
            # The name or the roles were changed by SQL, so either the cache entry or the token is older than the
            # change.
            session = await self._sessions.find_anew(decoded.session_id, now)
        if session.principal is None:
            raise AccessTokenInvalid
        # A user who knows JWT_SECRET must not get another name or other roles in their own session. The cache also
        # contains refusals, so that an old token causes only one query.
        agrees = _agrees(decoded.principal, session.principal)
        expires_at = min(decoded.expires_at, session.expires_at)
        self._sessions.remember_token(access_token, VerifiedToken(session, agrees, expires_at))
        if not agrees:
            raise AccessTokenInvalid
        if decoded.generation > session.arrived_generation:
            session.arrived_generation = decoded.generation
            self._arrivals.note(decoded.session_id, decoded.generation)
        return session


def _agrees(claimed: Principal, actual: Principal) -> bool:
    """Return whether a token and its session have the same claims. Tokens from before migration 0004 have no amr."""
    if not claimed.amr:
        claimed = replace(claimed, amr=actual.amr, auth_time=actual.auth_time)
    return claimed == actual
