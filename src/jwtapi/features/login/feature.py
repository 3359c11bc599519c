"""Declares the feature: signing in and out with cookies."""

from jwtapi.feature import Feature
from jwtapi.features.login.documentation import complete
from jwtapi.features.login.router import logout, refresh, router
from jwtapi.features.login.service import RegistrationService
from jwtapi.mail.outbox import Outbox
from jwtapi.users.invitations import InvitationService
from jwtapi.users.service import UserService

feature = Feature(
    routers=(router,),
    tags={"auth": "Register, sign in, stay signed in, sign out."},
    direct_endpoints=(refresh, logout),
    complete_document=complete,
    services=lambda services: (
        RegistrationService(services.settings, services[UserService], services[InvitationService], services[Outbox]),
    ),
)
