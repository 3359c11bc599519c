"""Declares the feature: the administration of users, by administrators and by the command line."""

from jwtapi.administration.settings import AdministrationSettings
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.feature import Feature
from jwtapi.features.admin.changes import UserChanges
from jwtapi.features.admin.creation import NewUsers
from jwtapi.features.admin.directory import UserDirectory
from jwtapi.features.admin.documentation import complete
from jwtapi.features.admin.router import router
from jwtapi.features.admin.service import AdminService
from jwtapi.mail.links import Links
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.users.invitations import InvitationService
from jwtapi.users.service import NewPasswords, UserService


def _services(services: Services) -> tuple[object, ...]:
    database, sessions, clock = services[Database], services[SessionService], services.clock
    links, link_tokens, outbox = services[Links], services[LinkTokens], services[Outbox]
    notices, factor_changes = services[Notices], services[FactorChanges]
    token_claims = services.settings.token_claims
    return (
        AdminService(
            database,
            sessions,
            services[NewPasswords],
            links,
            link_tokens,
            notices,
            factor_changes,
            clock,
            token_claims=token_claims,
        ),
        UserDirectory(database, clock),
        UserChanges(
            database,
            sessions,
            factor_changes,
            links,
            link_tokens,
            notices,
            outbox,
            services[ApiKeyService],
            clock,
            token_claims=token_claims,
        ),
        NewUsers(services[UserService], services[InvitationService], links, link_tokens, clock),
    )


feature = Feature(
    routers=(router,),
    tags={"administration": "What administrators do. All of it needs the role `admin`."},
    complete_document=complete,
    settings=AdministrationSettings,
    services=_services,
)
