"""The cookies of a request, and the response that contains the tokens."""

from typing import Annotated, TypeVar

from fastapi import Depends, Request, Response

from jwtapi.sessions.service import TokenPair
from jwtapi.sign_in.cookie_diagnosis import CookieDiagnosis
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.schemas import AccessToken
from jwtapi.web.dependencies import provided

Answer = TypeVar("Answer", bound=AccessToken)

CookiesDep = Annotated[AuthCookies, provided(AuthCookies)]


async def diagnose_cookies(request: Request, diagnosis: Annotated[CookieDiagnosis, provided(CookieDiagnosis)]) -> None:
    diagnosis.check(request)


def token_response(answer: type[Answer], tokens: TokenPair, response: Response, cookies: AuthCookies) -> Answer:
    """Set the refresh token as a cookie, which scripts cannot read, and return the body with the access token."""
    cookies.set_refresh_token(response, tokens.refresh_token, max_age=tokens.refresh_expires_in)
    return answer(access_token=tokens.access_token, expires_in=tokens.expires_in)


DiagnoseCookies = Depends(diagnose_cookies)
