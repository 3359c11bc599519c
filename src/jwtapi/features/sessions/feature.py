"""Declares the feature: the sessions of the signed-in user."""

from jwtapi.feature import Feature
from jwtapi.features.sessions.documentation import complete
from jwtapi.features.sessions.router import router
from jwtapi.features.sessions.service import UserSessions
from jwtapi.features.sessions.settings import SessionsSettings
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.passkeys import Passkeys
from jwtapi.second_factors.service import SecondFactors
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.database import Database


def _services(services: Services) -> tuple[UserSessions]:
    return (
        UserSessions(
            services[Database],
            services[SessionService],
            services[PasswordProver],
            services[SignIn],
            services[SecondFactors],
            services[Passkeys],
            services[RateLimiter],
            services.clock,
        ),
    )


feature = Feature(
    routers=(router,),
    tags={"sessions": "Where the user is signed in."},
    complete_document=complete,
    settings=SessionsSettings,
    services=_services,
)
