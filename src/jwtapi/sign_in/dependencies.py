"""The cookies of a request, and the answer that hands tokens over."""

from typing import Annotated, TypeVar

from fastapi import Depends, Request, Response

from jwtapi.sessions.service import TokenPair
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.lost_cookies import LostCookies
from jwtapi.sign_in.schemas import AccessToken
from jwtapi.web.dependencies import provided

Answer = TypeVar("Answer", bound=AccessToken)

CookiesDep = Annotated[AuthCookies, provided(AuthCookies)]


async def look_for_lost_cookies(request: Request, lost_cookies: Annotated[LostCookies, provided(LostCookies)]) -> None:
    lost_cookies.look_at(request)


def hand_over(answer: type[Answer], tokens: TokenPair, response: Response, cookies: AuthCookies) -> Answer:
    """Put the refresh token into the cookie, where scripts cannot read it, and return the rest as the body."""
    cookies.set_refresh_token(response, tokens.refresh_token, max_age=tokens.refresh_expires_in)
    return answer(access_token=tokens.access_token, expires_in=tokens.expires_in)


LookForLostCookies = Depends(look_for_lost_cookies)
