"""The two cookies: the refresh token, and the mark of a browser that has signed in before."""

from fastapi import Request, Response

from jwtapi.security import device_tokens
from jwtapi.settings import Settings


class AuthCookies:
    def __init__(self, settings: Settings) -> None:
        self._refresh_name = settings.cookie_name
        self._device_name = f"{settings.cookie_name}Device"
        self._secure = settings.cookie_secure

    def refresh_tokens(self, request: Request) -> tuple[str, ...]:
        token = request.cookies.get(self._refresh_name)
        return (token,) if token else ()

    def device_token(self, request: Request) -> str | None:
        return request.cookies.get(self._device_name) or None

    def set_refresh_token(self, response: Response, token: str, *, max_age: int) -> None:
        self._set(response, self._refresh_name, token, max_age)

    def set_device_token(self, response: Response, token: str) -> None:
        self._set(response, self._device_name, token, device_tokens.LIFETIME)

    def clear_refresh_token(self, response: Response) -> None:
        self._set(response, self._refresh_name, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        """Path / suits the prefix __Host-; the same attributes each time, or browsers would keep two cookies."""
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="strict"
        )
