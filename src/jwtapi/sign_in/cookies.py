"""The two cookies: the refresh token, and the device token, which marks a browser that has signed in before."""

import re
from collections.abc import Iterator
from itertools import islice

from fastapi import Request, Response

from jwtapi.security import device_tokens
from jwtapi.settings import SameSite, Settings
from jwtapi.web.strip_query_and_cookies import COOKIE_HEADERS

MAX_OF_A_NAME = 4
"""Cookies of one name that are read. A browser sends several if they were set with different paths or domains."""


class AuthCookies:
    def __init__(self, settings: Settings) -> None:
        self._refresh_name = settings.cookie_name
        self._device_name = f"{settings.cookie_name}Device"
        self._secure = settings.cookie_secure
        self._same_site = settings.cookie_samesite
        self._domain = settings.cookie_domain
        # Browsers accept a name with the prefix __Host- only with the path /.
        self._path = "/" if settings.cookie_name.startswith("__Host-") else settings.root_path or "/"

    def refresh_tokens(self, request: Request) -> tuple[str, ...]:
        """Return the values of all refresh cookies, in the order of the request, at most MAX_OF_A_NAME."""
        return _values(request, self._refresh_name)

    def device_tokens(self, request: Request) -> tuple[str, ...]:
        """Return the values of all device cookies, likewise."""
        return _values(request, self._device_name)

    def set_refresh_token(self, response: Response, token: str, *, max_age: int) -> None:
        self._set(response, self._refresh_name, token, max_age)

    def set_device_token(self, response: Response, token: str) -> None:
        self._set(response, self._device_name, token, device_tokens.LIFETIME)

    def clear_refresh_token(self, response: Response) -> None:
        self._set(response, self._refresh_name, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        """Set a cookie. The attributes are always the same, because otherwise browsers would keep two cookies."""
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
            # Browsers that block third-party cookies keep a partitioned one, separately for each top-level site
            # (CHIPS). Python 3.14 and later can set the attribute.
            name_of_header, line = response.raw_headers[-1]
            response.raw_headers[-1] = (name_of_header, line + b"; Partitioned")


def _values(request: Request, name: str) -> tuple[str, ...]:
    """Return the distinct values of all cookies with a name (RFC 6265 §5.4), from all Cookie headers."""
    return tuple(islice(dict.fromkeys(_every_value(request, name)), MAX_OF_A_NAME))


def _every_value(request: Request, name: str) -> Iterator[str]:
    # Takes linear time. Nothing is unquoted, because our cookies contain no quotes, backslashes or percent signs.
    cookie = re.compile(rb"(?:^|;)[ \t]*%b=([^;]+)" % re.escape(name.encode()))
    for header in request.scope[COOKIE_HEADERS]:
        for found in cookie.finditer(header):
            if value := found[1].strip(b" \t"):
                yield value.decode("latin-1")  # a value that is not a token is refused later
