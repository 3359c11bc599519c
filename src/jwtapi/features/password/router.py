"""POST /password/forgot, POST /password/reset, PUT and DELETE /api/password and GET /.well-known/change-password."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from jwtapi.authentication.dependencies import PrincipalDep, get_session_principal
from jwtapi.authentication.step_up import RecentSignIn, require_recent_sign_in
from jwtapi.errors import NotFound, NotSupported
from jwtapi.features.password import documentation
from jwtapi.features.password.limits import FORGOT, RESET
from jwtapi.features.password.schemas import ChangeRequest, ForgotRequest, ResetRequest
from jwtapi.features.password.service import ForgottenPasswords, PasswordService
from jwtapi.mail.links import Links
from jwtapi.sign_in.dependencies import CookiesDep
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.storage.database import Database
from jwtapi.web.dependencies import CallerDep, ClockDep, provided
from jwtapi.web.errors import missing_field
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute
from jwtapi.web.schemas import Message

router = APIRouter(route_class=StrictRoute, tags=["password"])
api = APIRouter(
    prefix="/api", route_class=StrictRoute, tags=["password"], dependencies=[Depends(get_session_principal)]
)

PasswordServiceDep = Annotated[PasswordService, provided(PasswordService)]
ForgottenPasswordsDep = Annotated[ForgottenPasswords, provided(ForgottenPasswords)]


@router.post(
    "/password/forgot", status_code=202, summary="Ask for a link to set a password", responses=documentation.FORGOT
)
@rate_limited(FORGOT)
async def forgot_password(body: ForgotRequest, forgotten: ForgottenPasswordsDep, caller: CallerDep) -> Message:
    """Send a mail with a link to the verified address of the user, if there are such a user and such an address.

    The response is always the same.
    """
    await forgotten.ask(body.login, caller)
    return Message(message=documentation.ASKED)


@router.post("/password/reset", summary="Set a password with the token of a link", responses=documentation.RESET)
@rate_limited(RESET)
async def reset_password(body: ResetRequest, forgotten: ForgottenPasswordsDep, caller: CallerDep) -> Message:
    """Set a new password, and end all sessions of the user. Nobody is signed in: log in next.

    The token works once, for 30 minutes. It is void after any change of the password or of the e-mail address.
    """
    await forgotten.reset(body.token.get_secret_value(), body.password.get_secret_value(), caller)
    return Message(message=documentation.WAS_RESET)


@api.put("/password", status_code=204, summary="Change the password", responses=documentation.CHANGE)
async def change_password(  # noqa: PLR0913, PLR0917  each is a dependency
    body: ChangeRequest,
    response: Response,
    principal: PrincipalDep,
    passwords: PasswordServiceDep,
    prover: Annotated[PasswordProver, provided(PasswordProver)],
    cookies: CookiesDep,
    caller: CallerDep,
    clock: ClockDep,
    database: Annotated[Database, provided(Database)],
) -> None:
    """Change the password, and end all other sessions of the user. This session goes on, with the same tokens.

    Links to set a password that were sent before no longer work. Passkeys and second factors stay.
    """
    if body.current_password is None:
        if await prover.has_password(principal.user_id):
            raise missing_field("currentPassword")
        await require_recent_sign_in(principal, clock, database)
    current = body.current_password.get_secret_value() if body.current_password is not None else None
    new = body.new_password.get_secret_value()
    cookies.set_device_token(response, await passwords.change(principal, current, new, caller))


@api.delete(
    "/password",
    status_code=204,
    summary="Remove the password",
    responses=documentation.REMOVE,
    dependencies=[RecentSignIn],
)
async def remove_password(principal: PrincipalDep, passwords: PasswordServiceDep, caller: CallerDep) -> None:
    """Let only passkeys sign the user in, and end all other sessions. This session goes on, with the same tokens.

    The user must have a passkey, and another one or a verified e-mail address in case it is lost. `PUT` sets a password
    again.
    """
    await passwords.remove(principal, caller)


@router.get("/.well-known/change-password", include_in_schema=False)
def show_where_to_change_the_password(links: Annotated[Links, provided(Links)]) -> RedirectResponse:
    """Redirect password managers to the page (W3C, A Well-Known URL for Changing Passwords)."""
    try:
        links.require()
    except NotSupported:
        raise NotFound from None
    return RedirectResponse(links.page("password"), 302)
