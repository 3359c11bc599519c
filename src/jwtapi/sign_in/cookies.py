"""The two cookies: the refresh token, and the mark of a browser that has signed in before."""

import re
from collections.abc import Iterator
from itertools import islice

from fastapi import Request, Response

from jwtapi.security import device_tokens
from jwtapi.settings import SameSite, Settings
from jwtapi.web.withheld import COOKIE_HEADERS

MAX_OF_A_NAME = 4
"""Cookies of one name that are looked at. A browser sends several if they were set with another path or domain."""


class AuthCookies:
    def __init__(self, settings: Settings) -> None:
        self._refresh_name = settings.cookie_name
        self._device_name = f"{settings.cookie_name}Device"
        self._secure = settings.cookie_secure
        self._same_site = settings.cookie_samesite
        self._domain = settings.cookie_domain
        # Browsers take a name with the prefix __Host- with the path / alone.
        self._path = "/" if settings.cookie_name.startswith("__Host-") else settings.root_path or "/"

    def refresh_tokens(self, request: Request) -> tuple[str, ...]:
        """Each token that came under the refresh cookie's name, in the order of the request, at most MAX_OF_A_NAME."""
        return _values(request, self._refresh_name)

    def device_tokens(self, request: Request) -> tuple[str, ...]:
        """Each token that came under the device cookie's name, likewise."""
        return _values(request, self._device_name)

    def set_refresh_token(self, response: Response, token: str, *, max_age: int) -> None:
        self._set(response, self._refresh_name, token, max_age)

    def set_device_token(self, response: Response, token: str) -> None:
        self._set(response, self._device_name, token, device_tokens.LIFETIME)

    def clear_refresh_token(self, response: Response) -> None:
        self._set(response, self._refresh_name, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        """The same attributes each time, or browsers would keep two cookies."""
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path=self._path,
            domain=self._domain,
            secure=self._secure,
            httponly=True,
            samesite=self._same_site.value,
        )
        if self._same_site is SameSite.NONE:
            # Browsers that keep no cookies of third parties keep this one, apart for each site that asks (CHIPS).
            # Python itself writes it from 3.14 on.
            name_of_header, line = response.raw_headers[-1]
            response.raw_headers[-1] = (name_of_header, line + b"; Partitioned")


def _values(request: Request, name: str) -> tuple[str, ...]:
    """The distinct values of the cookies of a name (RFC 6265 §5.4), of all Cookie headers together."""
    return tuple(islice(dict.fromkeys(_every_value(request, name)), MAX_OF_A_NAME))


def _every_value(request: Request, name: str) -> Iterator[str]:
    # In linear time, and nothing is unquoted: what this server sets has no quotes, backslashes or percent signs.
    cookie = re.compile(rb"(?:^|;)[ \t]*%b=([^;]+)" % re.escape(name.encode()))
    for header in request.scope[COOKIE_HEADERS]:
        for found in cookie.finditer(header):
            if value := found[1].strip(b" \t"):
                yield value.decode("latin-1")  # whatever it is: a token that is not one is refused as such
