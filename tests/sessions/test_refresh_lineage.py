"""An owner and a thief walk at random, and each answer is what a model of the rules says."""

import random
from dataclasses import dataclass, field

import httpx
import pytest

from tests.support.api import Api, sign_in

GRACE = 10


@dataclass
class Lineage:
    """What each token of a session is worth, by its generation."""

    present: int = 0
    replaced_at: dict[int, float] = field(default_factory=dict)
    arrived: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    is_alive: bool = True

    def refresh(self, generation: int, now: float) -> int | None:
        """The generation that the answer brings; None if it is refused."""
        if not self.is_alive:
            return None
        age = self.present - generation
        if age == 0:
            self.replaced_at[generation] = now
            self.present += 1
        elif age <= 2 and now - self.replaced_at[generation] <= GRACE:
            pass
        elif age == 1 and self.present not in self.arrived and generation not in self.late:
            self.late.add(self.present)
        else:
            self.is_alive = False
            return None
        return self.present


class Walk:
    def __init__(self, api: Api, seed: int) -> None:
        self._api = api
        self._random = random.Random(seed)  # noqa: S311  a failure must come again
        self._now = 0.0
        self.ends = 0

    async def begin(self) -> None:
        client = await sign_in(self._api.client())
        self._lineage = Lineage()
        self._refresh_tokens = [client.cookies["refreshToken"]]
        self._access_tokens = [(0, client.headers["authorization"])]

    async def step(self) -> None:
        act = self._random.choices((self._refresh, self._use, self._wait), (5, 2, 3))[0]
        await act()
        if not self._lineage.is_alive:
            self.ends += 1
            await self._use()
            await self.begin()

    async def _refresh(self) -> None:
        """Show a token, mostly a new one: the owner's, a tab's, the thief's, or one whose answer was lost."""
        age = min(self._random.choices((0, 1, 2, 3), (6, 4, 2, 1))[0], self._lineage.present)
        generation = self._lineage.present - age
        answer = await self._api.client(Cookie=f"refreshToken={self._refresh_tokens[generation]}").post("/refresh")
        expected = self._lineage.refresh(generation, self._now)
        assert answer.status_code == (403 if expected is None else 200)
        if expected is not None:
            self._remember(expected, answer)

    def _remember(self, generation: int, answer: httpx.Response) -> None:
        token = answer.cookies["refreshToken"]
        if generation == len(self._refresh_tokens):
            self._refresh_tokens.append(token)
        assert token == self._refresh_tokens[generation]
        self._access_tokens.append((generation, f"Bearer {answer.json()['accessToken']}"))

    async def _use(self) -> None:
        generation, token = self._random.choice(self._access_tokens[-4:])
        response = await self._api.client(Authorization=token).get("/profile")
        if not self._lineage.is_alive:
            assert response.status_code == 401
        elif response.status_code == 200:
            self._lineage.arrived.add(generation)
        else:
            assert response.json()["code"] == "token_expired"

    async def _wait(self) -> None:
        seconds = self._random.choice((0.5, 4, 9, 11, 60))
        self._now += seconds
        self._api.clock.advance(seconds)


@pytest.mark.parametrize("seed", range(4))
async def test_refreshes_of_an_owner_and_a_thief_have_the_outcomes_of_the_model(
    api: Api,
    alice: httpx.AsyncClient,  # noqa: ARG001  she has registered
    seed: int,
) -> None:
    walk = Walk(api, seed)
    await walk.begin()
    for _ in range(300):
        await walk.step()
    assert walk.ends > 3  # reuse was among the steps


@pytest.mark.parametrize("seed", range(4))
async def test_an_owner_whose_answers_are_lost_now_and_then_is_never_signed_out(
    api: Api,
    alice: httpx.AsyncClient,
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311  a failure must come again
    token = alice.cookies["refreshToken"]
    was_lost = False
    for _ in range(100):
        answer = await api.client(Cookie=f"refreshToken={token}").post("/refresh")
        was_lost = not was_lost and chance.random() < 0.5
        api.clock.advance(chance.choice((1, 11, 3600)))
        if was_lost:
            answer = await api.client(Cookie=f"refreshToken={token}").post("/refresh")
        token = answer.cookies["refreshToken"]
        if chance.random() < 0.5:
            await api.client(Authorization=f"Bearer {answer.json()['accessToken']}").get("/profile")
