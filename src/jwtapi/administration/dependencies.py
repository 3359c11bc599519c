"""The dependency of every endpoint of the administration."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from jwtapi.administration.administrator import Administrator
from jwtapi.administration.limits import ADMINISTRATION
from jwtapi.authentication.dependencies import require_role
from jwtapi.authentication.errors import SignInTooOld
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.settings import MfaRequirement, MfaSettings
from jwtapi.users.administrators import ADMIN
from jwtapi.web.dependencies import CallerDep, services_of


async def get_administrator(
    request: Request, principal: Annotated[Principal, Depends(require_role(ADMIN))], caller: CallerDep
) -> Administrator:
    """Return who administers.

    API keys have no second factor, so MFA_REQUIRED does not concern them.

    Raises:
        RoleRequired: the user, or the API key, lacks the role `admin`.
        SignInTooOld: MFA_REQUIRED asks for a second factor, which the session has not shown.
        TooManyRequests: the administrator has sent too many requests.
    """
    services = services_of(request.scope)
    needs_mfa = services.settings.of(MfaSettings).mfa_required is not MfaRequirement.OFF
    if needs_mfa and principal.session_id is not None and not principal.has_proved_two_factors:
        raise SignInTooOld
    await services[RateLimiter].spend(ADMINISTRATION, str(principal.user_id))
    acting = replace(caller, actor_id=principal.user_id, key_id=principal.key_id)
    return Administrator(principal, acting, needs_mfa=needs_mfa)


AdministratorDep = Annotated[Administrator, Depends(get_administrator)]

GIVES = [RecentSignIn]
"""The `dependencies` of an endpoint that gives somebody a way in, or power. The unit of its change checks again."""
