"""Declares the feature: the administration of users."""

from jwtapi.feature import Feature
from jwtapi.features.admin.service import AdminService
from jwtapi.mail.links import Links
from jwtapi.mail.notices import Notices
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.users.service import NewPasswords


def _services(services: Services) -> tuple[AdminService]:
    return (
        AdminService(
            services[Database],
            services[SessionService],
            services[NewPasswords],
            services[Links],
            services[LinkTokens],
            services[Notices],
            services[FactorChanges],
            services.clock,
        ),
    )


feature = Feature(services=_services)
