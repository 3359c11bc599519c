"""Tells services about tokens, and revokes tokens."""

from collections.abc import Mapping
from typing import Any

from jwtapi.api_keys.cache import NEVER, CachedKey
from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid
from jwtapi.caller import Caller
from jwtapi.clients.errors import InsufficientScope
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.clock import Clock
from jwtapi.features.oauth.errors import UnsupportedTokenType
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.api_keys import is_api_key
from jwtapi.security.signed_tokens import InvalidToken
from jwtapi.sessions.service import SessionService
from jwtapi.storage.clients import Client

_INACTIVE = {"active": False}


class IssuedTokens:
    def __init__(  # noqa: PLR0913  the service needs all of them
        self,
        authenticator: Authenticator,
        clients: ClientService,
        sessions: SessionService,
        access_tokens: AccessTokens,
        clock: Clock,
        *,
        own_claim: str,
    ) -> None:
        """`own_claim` is the name of the claim with `Principal.claims`."""
        self._own_claim = own_claim
        self._authenticator = authenticator
        self._clients = clients
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._clock = clock

    async def introspect(self, token: str) -> Mapping[str, Any]:
        """Return what is true of an access token or an API key now: the members of RFC 7662 §2.2.

        A refresh token is inactive, as is any other text.

        Raises:
            StorageUnavailable
        """
        try:
            verified = await self._authenticator.verify(token)
        except AccessTokenExpired:
            return _INACTIVE
        except AccessTokenInvalid:
            return await self._introspect_service_token(token)
        principal = verified.principal
        assert principal is not None  # noqa: S101  the authenticator raises otherwise
        if isinstance(verified, CachedKey):
            return _of_key(verified, principal)
        claims = self._access_tokens.claims_of(token)
        return (
            _common(claims)
            | {
                "username": principal.username,
                "sid": str(principal.session_id),
                "roles": list(principal.roles),
                "amr": list(principal.amr),
                "auth_time": principal.auth_time,
            }
            | ({self._own_claim: principal.claims} if principal.claims is not None else {})
        )

    async def _introspect_service_token(self, token: str) -> Mapping[str, Any]:
        try:
            client = await self._clients.authenticate_by_token(token)
        except (AccessTokenExpired, AccessTokenInvalid):
            return _INACTIVE
        return _common(self._access_tokens.claims_of(token)) | {"scope": " ".join(client.scopes) or None}

    async def revoke(self, token: str, caller: Caller, *, by: Client | None) -> None:
        """End the session of a user's token, as a logout does (RFC 7009). Other texts are skipped.

        `by` is the client that must have the scope, or have signed in the user. None: whoever has the token may.

        Raises:
            InsufficientScope
            UnsupportedTokenType: the token is of a client, or an API key.
            StorageUnavailable
        """
        if is_api_key(token):
            raise UnsupportedTokenType("API keys cannot be revoked here")
        if self._is_of_client(token):
            raise UnsupportedTokenType
        only_of = by.id if by is not None and Scope.REVOKE not in by.scopes else None
        if not await self._sessions.log_out(refresh_tokens=[token], access_token=token, caller=caller, only_of=only_of):
            raise InsufficientScope(Scope.REVOKE)

    def _is_of_client(self, token: str) -> bool:
        try:
            self._access_tokens.decode_of_client(token, self._clock())
        except InvalidToken:
            return False
        return True


def _common(claims: dict[str, Any]) -> dict[str, Any]:
    """Return what tokens of users and of clients have in common."""
    names = ("client_id", "exp", "iat", "sub", "aud", "iss", "jti")
    return {"active": True, "token_type": "Bearer", **{name: claims[name] for name in names if name in claims}}


def _of_key(key: CachedKey, principal: Principal) -> dict[str, Any]:
    return {
        "active": True,
        "token_type": "Bearer",
        "sub": str(principal.user_id),
        "username": principal.username,
        "roles": list(principal.roles),
        "exp": int(key.expires_at.timestamp()) if key.expires_at < NEVER else None,
    }
