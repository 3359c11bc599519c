"""Makes API keys of the signed-in user."""

from jwtapi.api_keys.limits import API_KEY
from jwtapi.api_keys.service import ApiKeyService, CreatedKey, WantedKey
from jwtapi.authentication.errors import SignInTooOld
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.service import SecondFactors
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork


class OwnApiKeys:
    def __init__(
        self,
        database: Database,
        api_keys: ApiKeyService,
        second_factors: SecondFactors,
        limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self._database = database
        self._api_keys = api_keys
        self._second_factors = second_factors
        self._limiter = limiter
        self._clock = clock

    async def create(self, principal: Principal, wanted: WantedKey, caller: Caller) -> CreatedKey:
        """Make a key of the signed-in user.

        Raises:
            ApiKeyNameInvalid, ApiKeyExpiryInvalid, ApiKeyRolesInvalid, TooManyApiKeys
            TooManyRequests: the user has made too many.
            SignInTooOld: MFA_REQUIRED asks for a second factor that the session has not shown; or as `lock_user`.
            AccessTokenInvalid: as `lock_user`.
        """
        self._api_keys.check(wanted)
        await self._limiter.spend(API_KEY, str(principal.user_id))

        def create(uow: UnitOfWork) -> CreatedKey:
            owner = lock_user(uow, principal, self._clock())
            # A key needs no second factor, so a session that has not shown one would get around MFA_REQUIRED by a key.
            if self._second_factors.is_required_of(owner) and not principal.has_proved_two_factors:
                raise SignInTooOld
            return self._api_keys.add(uow, owner, wanted, caller)

        created = await self._database.write(create)
        self._api_keys.wake()
        return created
