"""Declares the feature: events, API keys, clients, mails and a dashboard for administrators."""

from jwtapi.clients.service import ClientService
from jwtapi.feature import Feature
from jwtapi.features.admin_activity.dashboard import Dashboard
from jwtapi.features.admin_activity.export import EventExport
from jwtapi.features.admin_activity.router import router
from jwtapi.features.admin_activity.service import ActivityService
from jwtapi.gauges import Gauges
from jwtapi.mail.outbox import Outbox
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.passwords import PasswordHasher
from jwtapi.services import Services
from jwtapi.storage.database import Database


def _services(services: Services) -> tuple[ActivityService, EventExport, Dashboard]:
    return (
        ActivityService(services[Database], services[ClientService], services[Outbox], services.clock),
        EventExport(services[Database], services.clock),
        Dashboard(
            services[Database],
            services[Gauges],
            services[PasswordHasher],
            services[RateLimiter],
            services.clock,
            workers=services.settings.workers,
        ),
    )


feature = Feature(
    routers=(router,),
    tags={"administration": "For administrators: users with the role `admin`, and their API keys."},
    services=_services,
)
