"""Whatever happens, in whatever order, a service that follows the feed decides as the server does."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import pytest

from jwtapi.features.admin.errors import UnknownUser
from jwtapi.housekeeping import Housekeeping
from tests.conftest import RunApi
from tests.support.api import PASSWORD, Api, register, sign_in
from tests.support.revocations import Follower, claims_of, follower, token_of

STEPS = 60
NAMES = ("alice", "bob")


class World:
    """Two users with several browsers each, who do what they like, and an operator."""

    def __init__(self, api: Api, chance: random.Random) -> None:
        self._api = api
        self._chance = chance
        self._browsers: list[httpx.AsyncClient] = []
        self.tokens: list[str] = []
        self.done: list[str] = []
        self._actions: list[Callable[[], Awaitable[object]]] = [
            *(self.sign_in,) * 4,
            *(self.refresh,) * 3,
            *(self.log_out,) * 2,
            self.log_out_everywhere,
            self.end_others,
            self.reauthenticate,
            self.rename,
            self.change_roles,
            self.disable,
            self.enable,
            self.set_password,
            self.delete,
            *(self.let_time_pass,) * 2,
            self.clean_up,
        ]

    async def act(self) -> None:
        action = self._chance.choice(self._actions)
        self.done.append(action.__name__)
        await action()

    def _browser(self) -> httpx.AsyncClient:
        return self._chance.choice(self._browsers) if self._browsers else self._api.client()

    async def _user(self) -> str | None:
        rows = await self._api.sql("SELECT canonical_username FROM users WHERE deleted_at IS NULL ORDER BY 1")
        return self._chance.choice(rows)[0] if rows else None

    async def sign_in(self) -> None:
        browser, name = self._api.client(), self._chance.choice(NAMES)
        await browser.post("/register", json={"username": name, "password": PASSWORD})
        if (await browser.post("/login", json={"username": name, "password": PASSWORD})).status_code == 200:
            await sign_in(browser, name)
            self._browsers.append(browser)
            self.tokens.append(token_of(browser))

    async def refresh(self) -> None:
        browser = self._browser()
        answer = await browser.post("/refresh")
        if answer.status_code == 200:
            browser.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
            self.tokens.append(token_of(browser))

    async def log_out(self) -> None:
        await self._browser().post("/logout")

    async def log_out_everywhere(self) -> None:
        await self._browser().post("/logout?everywhere=true")

    async def end_others(self) -> None:
        await self._browser().delete("/api/sessions")

    async def reauthenticate(self) -> None:
        answer = await self._browser().post("/api/reauthenticate", json={"password": PASSWORD})
        if answer.status_code == 200:
            self.tokens.append(answer.json()["accessToken"])

    async def rename(self) -> None:
        await self._browser().patch("/api/account", json={"username": self._chance.choice(["Alice", "ALICE", "Bob"])})

    async def change_roles(self) -> None:
        if (name := await self._user()) is not None:
            await self._api.set_roles(self._chance.choice(["staff", "audit"]), username=name)

    async def disable(self) -> None:
        if (name := await self._user()) is not None:
            await self._api.disable(name)

    async def enable(self) -> None:
        for name in NAMES:
            with suppress(UnknownUser):
                await self._api.enable(name)

    async def set_password(self) -> None:
        if (name := await self._user()) is not None:
            await self._api.set_password(PASSWORD, name)

    async def delete(self) -> None:
        if (name := await self._user()) is not None:
            await self._api.delete(name)
            await self._api.sql("DELETE FROM held_names")

    async def let_time_pass(self) -> None:
        self._api.clock.advance(self._chance.uniform(0, 500))

    async def clean_up(self) -> None:
        await self._api.services[Housekeeping].clean_up()


@pytest.mark.parametrize("seed", range(3))
async def test_a_service_that_follows_the_feed_decides_as_the_server_does(run_api: RunApi, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret
    refused = 0
    async with run_api(max_sessions_per_user=3) as api, run_api() as other:
        world = World(api, chance)
        billing = await follower(api)
        at_other = Follower((await follower(other, "other")).client, api.clock)
        await register(api.client(), "carol")
        for _ in range(STEPS):
            api.clock.advance(0.01)
            await world.act()
            if chance.random() < 0.1:
                billing.cursor = None
            asking = (billing, at_other) if chance.random() < 0.5 else (billing,)
            for service in asking:
                await service.ask()
            world.tokens = [token for token in world.tokens if claims_of(token)["exp"] > api.clock().timestamp()]
            for token in world.tokens:
                answer = await api.client(Authorization=f"Bearer {token}").get("/auth/verify")
                refused += answer.status_code == 401
                for service in asking:
                    assert service.accepts(token) is (answer.status_code == 204), world.done
    assert refused > STEPS / 4, world.done
