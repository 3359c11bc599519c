"""Declares the feature: the account of the signed-in user."""

from jwtapi.authentication.fast_path import PrincipalEndpoint
from jwtapi.feature import Feature
from jwtapi.features.account.documentation import complete
from jwtapi.features.account.router import api, api_profile, profile, router
from jwtapi.features.account.service import AccountService
from jwtapi.features.account.settings import AccountLimitSettings
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.services import Services
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.storage.database import Database
from jwtapi.users.export import AccountExport
from jwtapi.users.held_names import HeldNames


def _services(services: Services) -> tuple[AccountService]:
    return (
        AccountService(
            services[Database],
            services[UsernamePolicy],
            services[HeldNames],
            services[PasswordProver],
            services[AccountExport],
            services[Outbox],
            services[Notices],
            services[RateLimiter],
            services.clock,
        ),
    )


feature = Feature(
    routers=(router, api),
    tags={"account": "The name, the account and the settings of the signed-in user."},
    fast_endpoints=(PrincipalEndpoint("/profile", profile), PrincipalEndpoint("/api/profile", api_profile)),
    complete_document=complete,
    settings=AccountLimitSettings,
    services=_services,
)
