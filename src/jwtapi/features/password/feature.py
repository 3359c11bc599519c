"""Declares the feature: forgotten and new passwords."""

from jwtapi.feature import Feature
from jwtapi.features.password.documentation import complete
from jwtapi.features.password.router import api, router
from jwtapi.features.password.service import ForgottenPasswords, PasswordService
from jwtapi.features.password.settings import PasswordSettings
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.passkeys import Passkeys
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.services import Services
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.storage.database import Database
from jwtapi.users.service import NewPasswords


def _services(services: Services) -> tuple[ForgottenPasswords, PasswordService]:
    database, limiter, outbox = services[Database], services[RateLimiter], services[Outbox]
    passwords, prover, sessions = services[NewPasswords], services[PasswordProver], services[SessionService]
    notices, passkeys, clock = services[Notices], services[Passkeys], services.clock
    return (
        ForgottenPasswords(
            database, limiter, outbox, services[LinkTokens], passwords, prover, sessions, notices, clock
        ),
        PasswordService(
            database,
            limiter,
            outbox,
            passwords,
            prover,
            sessions,
            services[DeviceTokens],
            notices,
            clock,
            rp_id=passkeys.rp_id if passkeys.is_available else None,
        ),
    )


feature = Feature(
    routers=(router, api),
    tags={"password": "Forgotten and new passwords."},
    complete_document=complete,
    settings=PasswordSettings,
    services=_services,
)
