"""Users with a second factor."""

from typing import Any

import httpx
import pyotp

from tests.support.api import PASSWORD, Api, sign_in


class App:
    """An authenticator app. Its clock is that of the API."""

    def __init__(self, api: Api, secret: str, recovery_codes: list[str]) -> None:
        self._api = api
        self._totp = pyotp.TOTP(secret)
        self.secret = secret
        self.recovery_codes = recovery_codes

    def code(self, *, steps: int = 0) -> str:
        """The code of the present step, or of one so many steps later."""
        return self._totp.at(self._api.clock(), counter_offset=steps)

    def next_code(self) -> str:
        """A code that was not used, of a later step."""
        self._api.clock.advance(30)
        return self.code()

    def wrong_code(self) -> str:
        """A code that is right at no time near now."""
        near = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(
            code
            for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
            if code not in near
        )


async def with_totp(api: Api, client: httpx.AsyncClient) -> App:
    """Turn on an authenticator app for the signed-in user. Its confirming code is used, so send `next_code` first."""
    begun = (await client.post("/api/mfa/totp")).json()
    app = App(api, begun["secret"], [])
    confirmed = await client.post("/api/mfa/totp/confirm", json={"code": app.code()})
    assert confirmed.status_code == 200, confirmed.text
    app.recovery_codes = confirmed.json()["recoveryCodes"]
    return app


async def ticket_of(client: httpx.AsyncClient, password: str = PASSWORD, username: str = "alice") -> str:
    """Send the right password, and return the ticket for the second factor."""
    response = await client.post("/login", json={"username": username, "password": password})
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (401, "mfa_required"), response.text
    ticket: str = body["ticket"]
    return ticket


async def answer(
    client: httpx.AsyncClient, ticket: str, code: str, method: str = "totp", **more: Any
) -> httpx.Response:
    return await client.post("/login/mfa", json={"ticket": ticket, "method": method, "code": code, **more})


async def sign_in_with(
    client: httpx.AsyncClient, code: str, method: str = "totp", username: str = "alice", **more: Any
) -> httpx.AsyncClient:
    """Sign in with password and second factor. The client sends the access token from then on."""
    response = await answer(client, await ticket_of(client, username=username), code, method, **more)
    assert response.status_code == 200, response.text
    client.headers["Authorization"] = f"Bearer {response.json()['accessToken']}"
    return client


__all__ = ["App", "answer", "sign_in", "sign_in_with", "ticket_of", "with_totp"]
