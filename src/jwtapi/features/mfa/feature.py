"""Declares the feature: the second factors of the signed-in user."""

from jwtapi.feature import Feature
from jwtapi.features.mfa.router import router
from jwtapi.features.mfa.service import MfaService
from jwtapi.mail.notices import Notices
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.totp import TotpFactor
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database


def _services(services: Services) -> tuple[MfaService]:
    return (
        MfaService(
            services[Database],
            services[SecondFactors],
            services[TotpFactor],
            services[FactorChanges],
            services[SessionService],
            services[RateLimiter],
            services[Notices],
            services.clock,
        ),
    )


feature = Feature(
    routers=(router,),
    tags={"mfa": "Second factors: authenticator app, recovery codes, remembered devices."},
    services=_services,
)
