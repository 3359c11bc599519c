"""Finds the principal of a request by its access token."""

from dataclasses import replace
from datetime import datetime

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired
from jwtapi.clock import Clock
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.sessions.cache import SessionCache, VerifiedToken
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.arrivals import Arrivals


class Authenticator:
    def __init__(
        self,
        access_tokens: AccessTokens,
        signing_keys: SigningKeys,
        sessions: SessionCache,
        arrivals: Arrivals,
        clock: Clock,
    ) -> None:
        self._access_tokens = access_tokens
        self._signing_keys = signing_keys
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
        verified = await self.verify(access_token)
        assert verified.principal is not None  # noqa: S101  `verify` raises otherwise
        return verified.principal

    async def verify(self, access_token: str | None) -> VerifiedToken:
        """Check a token. Its `principal` and that of its session are not None.

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
            if verified.principal is None:
                raise AccessTokenInvalid
            return verified
        return await self._verify(access_token, now)

    async def _verify(self, access_token: str, now: datetime) -> VerifiedToken:
        await self._signing_keys.refresh_unless_current()
        changes, keys_until = self._signing_keys.changes, self._signing_keys.next_end()
        try:
            decoded = self._access_tokens.decode(access_token, now)
        except ExpiredToken:
            raise AccessTokenExpired from None
        except InvalidToken:
            raise AccessTokenInvalid from None
        session = await self._sessions.find(decoded.session_id, now)
        if session.principal is not None and _principal(decoded.principal, session.principal) is None:
            # The name or the roles were changed by SQL, so either the cache entry or the token is older than the
            # change.
            session = await self._sessions.find_anew(decoded.session_id, now)
        if session.principal is None:
            raise AccessTokenInvalid
        # A user who knows JWT_SECRET must not get another name or other roles in their own session. The cache also
        # contains refusals, so that an old token causes only one query.
        principal = _principal(decoded.principal, session.principal)
        verified = VerifiedToken(session, principal, min(decoded.expires_at, session.expires_at, keys_until))
        if changes == self._signing_keys.changes:  # otherwise its key may have been revoked meanwhile
            self._sessions.remember_token(access_token, verified)
        if principal is None:
            raise AccessTokenInvalid
        if decoded.generation > session.arrived_generation:
            session.arrived_generation = decoded.generation
            self._arrivals.note(decoded.session_id, decoded.generation)
        return verified


def _principal(claimed: Principal, actual: Principal) -> Principal | None:
    """Return whom a token stands for, or None if it claims what its session does not allow.

    A token from before a re-authentication of its session stays valid, but does not become a recent sign-in: a thief of
    the token could wait for that. `amr` only grows. Tokens from before migration 0004 have none.
    """
    if claimed == actual:
        return actual
    if not claimed.amr:
        claimed = replace(claimed, amr=actual.amr, auth_time=actual.auth_time)
    is_of_then = claimed.auth_time <= actual.auth_time and claimed.amr == actual.amr[: len(claimed.amr)]
    as_now = replace(claimed, amr=actual.amr, auth_time=actual.auth_time)
    return claimed if is_of_then and as_now == actual else None
