"""Declares the feature: e-mail addresses."""

from jwtapi.api_keys.service import ApiKeyService
from jwtapi.feature import Feature
from jwtapi.features.email.router import api, router
from jwtapi.features.email.service import EmailService
from jwtapi.features.email.settings import EmailSettings
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database


def _services(services: Services) -> tuple[EmailService]:
    return (
        EmailService(
            services[Database],
            services[Outbox],
            services[Notices],
            services[SessionService],
            services[LinkTokens],
            services[RateLimiter],
            services[FactorChanges],
            services[ApiKeyService],
            services.clock,
        ),
    )


feature = Feature(
    routers=(router, api),
    tags={"email": "The e-mail address of an account: entering, confirming and changing it."},
    settings=EmailSettings,
    services=_services,
)
