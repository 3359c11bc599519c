"""Declares the feature: the API keys of the signed-in user."""

from collections.abc import Iterator

from jwtapi.api_keys.service import ApiKeyService
from jwtapi.api_keys.settings import ApiKeySettings
from jwtapi.api_keys.uses import ApiKeyUses
from jwtapi.feature import Feature, Job
from jwtapi.features.api_keys.router import router
from jwtapi.features.api_keys.service import OwnApiKeys
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.service import SecondFactors
from jwtapi.services import Services
from jwtapi.storage.database import Database


def _services(services: Services) -> Iterator[OwnApiKeys]:
    yield OwnApiKeys(
        services[Database], services[ApiKeyService], services[SecondFactors], services[RateLimiter], services.clock
    )


def _jobs(services: Services) -> Iterator[Job]:
    yield Job("uses of API keys", services[ApiKeyUses].run)


feature = Feature(
    routers=(router,),
    tags={"keys": "API keys, by which programs act as the user."},
    settings=ApiKeySettings,
    services=_services,
    jobs=_jobs,
    prunes=lambda services: (services[ApiKeyService].prune,),
)
