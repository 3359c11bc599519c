"""The cookies: the refresh token, the device token of a browser that has signed in before, a remembered device."""

import re
from itertools import islice

from fastapi import Request, Response

from jwtapi.security import device_tokens
from jwtapi.settings import SameSite, Settings
from jwtapi.web.strip_query_and_cookies import COOKIE_HEADERS

MAX_OF_A_NAME = 4
"""Cookies of one name that are read. A browser sends several if they were set with different paths or domains."""


class AuthCookies:
    def __init__(self, settings: Settings) -> None:
        self._refresh = _Cookie(settings, settings.cookie_name)
        self._device = _Cookie(settings, f"{settings.cookie_name}Device")
        self._remembered = _Cookie(settings, f"{settings.cookie_name}Remember")

    def refresh_tokens(self, request: Request) -> tuple[str, ...]:
        """Return the values of all refresh cookies, in the order of the request, at most MAX_OF_A_NAME."""
        return self._refresh.values(request)

    def device_tokens(self, request: Request) -> tuple[str, ...]:
        """Return the values of all device cookies, likewise."""
        return self._device.values(request)

    def remembered_devices(self, request: Request) -> tuple[str, ...]:
        """Return the values of all cookies of remembered devices, likewise."""
        return self._remembered.values(request)

    def set_remembered_device(self, response: Response, token: str, *, max_age: int) -> None:
        self._remembered.set(response, token, max_age)

    def set_refresh_token(self, response: Response, token: str, *, max_age: int) -> None:
        self._refresh.set(response, token, max_age)

    def set_device_token(self, response: Response, token: str) -> None:
        self._device.set(response, token, device_tokens.LIFETIME)

    def clear_refresh_token(self, response: Response) -> None:
        self._refresh.set(response, '""', 0)


class _Cookie:
    """Reads and writes a cookie whose values need no quotes. Starlette takes longer for this than a token takes."""

    def __init__(self, settings: Settings, name: str) -> None:
        # Browsers accept a name with the prefix __Host- only with the path /.
        path = "/" if name.startswith("__Host-") else settings.root_path or "/"
        same_site = settings.cookie_samesite
        self._name = name
        self._before = f"Domain={settings.cookie_domain}; HttpOnly" if settings.cookie_domain else "HttpOnly"
        self._after = f"Path={path}; SameSite={same_site.value}"
        if settings.cookie_secure:
            self._after += "; Secure"
        if same_site is SameSite.NONE:
            # Browsers that block third-party cookies keep a partitioned one, for each top-level site its own (CHIPS).
            self._after += "; Partitioned"
        self._pattern = re.compile(rb"(?:^|;)[ \t]*%b=([^;]+)" % re.escape(name.encode()))

    def values(self, request: Request) -> tuple[str, ...]:
        """Return the distinct values of all cookies with this name (RFC 6265 §5.4), from all Cookie headers."""
        # Takes linear time. Nothing is unquoted, because our cookies contain no quotes, backslashes or percent signs.
        found = (value for header in request.scope[COOKIE_HEADERS] for value in self._pattern.findall(header))
        stripped = (value.strip(b" \t").decode("latin-1") for value in found)  # not a token: refused later
        return tuple(islice(dict.fromkeys(filter(None, stripped)), MAX_OF_A_NAME))

    def set(self, response: Response, value: str, max_age: int) -> None:
        """Set the cookie. The attributes are always the same, because otherwise browsers would keep two cookies."""
        line = f"{self._name}={value}; {self._before}; Max-Age={max_age}; {self._after}"
        response.raw_headers.append((b"set-cookie", line.encode()))
