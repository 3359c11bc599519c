"""Declares the feature: the endpoints of OAuth2."""

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.clients.service import ClientService
from jwtapi.feature import Feature
from jwtapi.features.oauth.documentation import complete
from jwtapi.features.oauth.router import router
from jwtapi.features.oauth.service import IssuedTokens
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService


def _services(services: Services) -> tuple[IssuedTokens]:
    return (
        IssuedTokens(
            services[Authenticator],
            services[ClientService],
            services[SessionService],
            services[AccessTokens],
            services.clock,
            own_claim=services.settings.token_claims_namespace,
        ),
    )


feature = Feature(routers=(router,), services=_services, complete_document=complete)
