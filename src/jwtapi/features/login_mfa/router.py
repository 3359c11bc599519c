"""POST /login/mfa and POST /login/mfa/totp."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response

from jwtapi.features.login_mfa import documentation
from jwtapi.features.login_mfa.schemas import MfaLoginAnswer
from jwtapi.second_factors.errors import TicketInvalid, TotpOn
from jwtapi.second_factors.limits import MFA
from jwtapi.second_factors.schemas import FactorAnswerRequest, TicketRequest, TotpSetUpAnswer
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.totp import TotpFactor
from jwtapi.sign_in.dependencies import CookiesDep, DiagnoseCookies, token_response
from jwtapi.sign_in.service import SignIn
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["auth"])

SecondFactorsDep = Annotated[SecondFactors, provided(SecondFactors)]


@router.post(
    "/login/mfa",
    summary="Log in, the second step",
    responses=documentation.COMPLETE,
    response_model_exclude_none=True,
    dependencies=[DiagnoseCookies],
)
@rate_limited(MFA)
async def complete_login(  # noqa: PLR0913, PLR0917  each is a dependency
    body: FactorAnswerRequest,
    request: Request,  # noqa: ARG001  the limit reads it
    response: Response,
    second_factors: SecondFactorsDep,
    sign_in: Annotated[SignIn, provided(SignIn)],
    cookies: CookiesDep,
    caller: CallerDep,
) -> MfaLoginAnswer:
    """Send the second factor with the ticket of `mfa_required`. A ticket takes five answers, within five minutes.

    The response is that of a login.
    """
    ticket = body.ticket.get_secret_value()
    proof = await second_factors.prove(ticket, body.answer, caller, remember=body.remember)
    signed_in = await sign_in.proceed(proof, caller)
    if proof.device is not None:
        cookies.set_remembered_device(response, proof.device.cookie, max_age=second_factors.remember_seconds)
    cookies.set_device_token(response, signed_in.device_token)
    answer = token_response(MfaLoginAnswer, signed_in.tokens, response, cookies)
    return answer.model_copy(update={"recovery_codes": list(proof.recovery_codes) or None})


@router.post("/login/mfa/totp", summary="Set up a second factor to log in", responses=documentation.ENROL)
@rate_limited(MFA)
async def enrol_totp(
    body: TicketRequest,
    request: Request,  # noqa: ARG001  the limit reads it
    second_factors: SecondFactorsDep,
    totp: Annotated[TotpFactor, provided(TotpFactor)],
) -> TotpSetUpAnswer:
    """Make a secret for an authenticator app with the ticket of `mfa_enrolment_required`.

    Then send its first code to `/login/mfa`.
    """
    ticket, user = await second_factors.find(body.ticket.get_secret_value())
    if not ticket.enrols:
        raise TicketInvalid
    try:
        set_up = await totp.begin(user)
    except TotpOn:  # another request has set one up meanwhile, and so made the ticket void
        raise TicketInvalid from None
    return TotpSetUpAnswer(secret=set_up.secret, uri=set_up.uri, qr_svg=await asyncio.to_thread(set_up.qr_svg))
