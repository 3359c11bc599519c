"""Finds the principal of a request by its access token or its API key."""

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from jwtapi.api_keys.cache import ApiKeyCache, CachedKey
from jwtapi.api_keys.uses import EXACTNESS, ApiKeyUses
from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, AccessTokenRequired
from jwtapi.clock import Clock
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.api_keys import LENGTH as KEY_LENGTH
from jwtapi.security.api_keys import hash_of, is_api_key, parse_key
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.sessions.cache import SessionCache, VerifiedToken
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.arrivals import Arrivals

Verified: TypeAlias = VerifiedToken | CachedKey


class Authenticator:
    def __init__(  # noqa: PLR0913, PLR0917  it needs all of them
        self,
        access_tokens: AccessTokens,
        signing_keys: SigningKeys,
        sessions: SessionCache,
        arrivals: Arrivals,
        api_keys: ApiKeyCache,
        api_key_uses: ApiKeyUses,
        clock: Clock,
    ) -> None:
        self._access_tokens = access_tokens
        self._signing_keys = signing_keys
        self._sessions = sessions
        self._arrivals = arrivals
        self._api_keys = api_keys
        self._api_key_uses = api_key_uses
        self._clock = clock

    async def authenticate(self, bearer: str | None) -> Principal:
        """Return the principal of the token or of the API key.

        Raises:
            AccessTokenRequired: there is no token.
            AccessTokenExpired, AccessTokenInvalid: the token or the key is not valid, or no longer valid.
            StorageUnavailable
        """
        verified = await self.verify(bearer)
        assert verified.principal is not None  # noqa: S101  `verify` raises otherwise
        return verified.principal

    async def verify(self, bearer: str | None) -> Verified:
        """Check a token or an API key. The `principal`, and that of the session of the token, are not None.

        Raises:
            as `authenticate`.
        """
        if bearer is None:
            raise AccessTokenRequired
        now = self._clock()
        verified = self._sessions.token(bearer)
        if (
            verified is not None
            and now < verified.expires_at
            and verified.session.is_valid
            and self._sessions.is_live()
        ):
            if verified.principal is None:
                raise AccessTokenInvalid
            return verified
        return await (self._verify_key(bearer, now) if is_api_key(bearer) else self._verify_token(bearer, now))

    def remember_answer(self, verified: Verified, endpoint: Hashable, answer: Any) -> None:
        """Keep a ready answer in `verified.answers`, for as long as what the token or the key allows stays the same."""
        if isinstance(verified, CachedKey):
            self._api_keys.remember_answer(verified, endpoint, answer)
        else:
            self._sessions.remember_answer(verified.session, endpoint, answer)

    async def _verify_key(self, text: str, now: datetime) -> CachedKey:
        # A text that was only made up to look like a key is refused here, because its checksum is wrong.
        key = self._api_keys.by_hash(hash_of(text)) if len(text) == KEY_LENGTH else None
        if key is None or not self._api_keys.is_live():
            sent = parse_key(text)
            key = await self._api_keys.find(sent) if sent is not None else None
        if key is None or key.principal is None or now >= key.expires_at:
            raise AccessTokenInvalid
        if now >= key.use_is_due_at and key.principal.key_id is not None:
            key.use_is_due_at = now + EXACTNESS
            self._api_key_uses.note(key.principal.key_id, now)
        return key

    async def _verify_token(self, access_token: str, now: datetime) -> VerifiedToken:
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

    A token from before TOKEN_CLAIMS was set gives its user nothing by claims. Others must have those of now.
    """
    if claimed == actual:
        return actual
    if claimed.claims_json is None:
        claimed = replace(claimed, claims_json=actual.claims_json)
    if not claimed.amr:
        claimed = replace(claimed, amr=actual.amr, auth_time=actual.auth_time)
    is_of_then = claimed.auth_time <= actual.auth_time and claimed.amr == actual.amr[: len(claimed.amr)]
    as_now = replace(claimed, amr=actual.amr, auth_time=actual.auth_time)
    return claimed if is_of_then and as_now == actual else None
