"""Makes API keys of the signed-in user."""

from jwtapi.api_keys.limits import API_KEY
from jwtapi.api_keys.service import ApiKeyService, CreatedKey, WantedKey
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.storage.database import Database


class OwnApiKeys:
    def __init__(self, database: Database, api_keys: ApiKeyService, limiter: RateLimiter, clock: Clock) -> None:
        self._database = database
        self._api_keys = api_keys
        self._limiter = limiter
        self._clock = clock

    async def create(self, principal: Principal, wanted: WantedKey, caller: Caller) -> CreatedKey:
        """Make a key of the signed-in user.

        Raises:
            ApiKeyNameInvalid, ApiKeyExpiryInvalid, ApiKeyRolesInvalid, TooManyApiKeys
            TooManyRequests: the user has made too many.
            AccessTokenInvalid, SignInTooOld: as `lock_user`.
        """
        self._api_keys.check(wanted)
        await self._limiter.spend(API_KEY, str(principal.user_id))
        return await self._database.write(
            lambda uow: self._api_keys.add(uow, lock_user(uow, principal, self._clock()), wanted, caller)
        )
