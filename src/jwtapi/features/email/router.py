"""POST /email/verify, /email/undo and /api/email."""

from typing import Annotated

from fastapi import APIRouter, Depends

from jwtapi.authentication.dependencies import PrincipalDep, get_session_principal
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.features.email import documentation
from jwtapi.features.email.dependencies import VerifierDep
from jwtapi.features.email.limits import EMAIL_VERIFY
from jwtapi.features.email.schemas import EmailRequest, LinkRequest, Verified
from jwtapi.features.email.service import EmailService
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute
from jwtapi.web.schemas import Message

router = APIRouter(route_class=StrictRoute, tags=["email"])
api = APIRouter(prefix="/api", route_class=StrictRoute, tags=["email"], dependencies=[Depends(get_session_principal)])

EmailServiceDep = Annotated[EmailService, provided(EmailService)]


@router.post(
    "/email/verify",
    summary="Confirm an e-mail address",
    responses=documentation.VERIFY,
    openapi_extra=documentation.SIGNED_IN_OR_NOT,
)
@rate_limited(EMAIL_VERIFY)
async def verify_email(
    body: LinkRequest, verifier: VerifierDep, emails: EmailServiceDep, caller: CallerDep
) -> Verified:
    """Confirm the address to which the token was sent. Then it can be used to sign in.

    All sessions of the account end, because somebody else may have opened them. The session of the access token stays,
    if it is one of this account. Without such a token, second factors, passkeys and API keys end with the sessions if
    this is the first address, and an account that has an address gets no other one. A program that scans the links of
    mails confirms nothing, because it does not `POST`.
    """
    username = await emails.verify(body.token.get_secret_value(), verifier, caller)
    return Verified(message=documentation.VERIFIED, username=username)


@router.post("/email/undo", summary="Undo a change of the e-mail address", responses=documentation.UNDO)
@rate_limited(EMAIL_VERIFY)
async def undo_email_change(body: LinkRequest, emails: EmailServiceDep, caller: CallerDep) -> Message:
    """Restore the address to which the token was sent, within 7 days after another address replaced it.

    All sessions end, and the password, second factors, passkeys and API keys are removed, so whoever changed the
    address is out. The owner of the address chooses a new password by `/password/forgot`.
    """
    await emails.undo(body.token.get_secret_value(), caller)
    return Message(message=documentation.UNDONE)


@api.post(
    "/email",
    status_code=202,
    summary="Enter an e-mail address",
    responses=documentation.CHANGE,
    dependencies=[RecentSignIn],
)
@rate_limited(EMAIL_VERIFY)
async def change_email(
    body: EmailRequest, principal: PrincipalDep, emails: EmailServiceDep, caller: CallerDep
) -> Message:
    """Send a mail to a new address. The account has its present address until the link in the mail was opened.

    The response does not show whether somebody has the address. The same address again sends the mail again, and the
    address that the account has already ends the wait for another one.
    """
    waits = await emails.change(principal, body.email, caller)
    return Message(message=documentation.ENTERED if waits else documentation.CANCELLED)
