"""Second factors on several processes that share one database."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pyotp
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD, register, sign_in
from tests.support.mfa import answer, ticket_of
from tests.support.postgresql import PostgreSQL
from tests.support.server import Server, running_servers

WORKERS = 3


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Servers for all tests, each of which has a user of its own."""
    folder = tmp_path_factory.mktemp("servers")
    if request.param == "sqlite":
        url = f"sqlite:///{folder}/shared.db"
    else:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        url = postgresql.new_empty_database()
    secrets = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
    with running_servers(folder, WORKERS, DATABASE_URL=url, RATE_LIMIT_ENABLED="false", **secrets) as servers:
        yield servers


class Guests:
    """A browser at each server, and the authenticator app of a user, with whose first code it was turned on."""

    def __init__(
        self, username: str, clients: list[httpx.AsyncClient], app: pyotp.TOTP, recovery_codes: list[str]
    ) -> None:
        self.username = username
        self.clients = clients
        self.app = app
        self.recovery_codes = recovery_codes

    def next_code(self) -> str:
        """A code of the next step, which the server accepts early, so that no test waits for it."""
        return self.app.at(int(time.time()), counter_offset=1)

    async def ticket(self, client: httpx.AsyncClient) -> str:
        return await ticket_of(client, username=self.username)

    async def tickets(self) -> list[str]:
        return [await self.ticket(client) for client in self.clients]


async def guests_of(servers: list[Server], stack: AsyncExitStack) -> Guests:
    clients = [await stack.enter_async_context(server.async_client()) for server in servers]
    alice = await stack.enter_async_context(servers[0].async_client())
    username = f"alice-{uuid4().hex}"
    await register(alice, username)
    await sign_in(alice, username)
    app = pyotp.TOTP((await alice.post("/api/mfa/totp")).json()["secret"])
    # Of the step before, so that the present and the next one are left.
    first = app.at(int(time.time()), counter_offset=-1)
    confirmed = await alice.post("/api/mfa/totp/confirm", json={"code": first})
    assert confirmed.status_code == 200, confirmed.text
    return Guests(username, clients, app, confirmed.json()["recoveryCodes"])


def codes(responses: list[httpx.Response]) -> Counter[str]:
    return Counter(response.json().get("code", "signed in") for response in responses)


async def test_of_two_hundred_guesses_at_one_ticket_on_three_servers_exactly_five_are_judged(
    servers: list[Server],
) -> None:
    async with AsyncExitStack() as stack:
        guests = await guests_of(servers, stack)
        ticket = await guests.ticket(guests.clients[0])
        near = {guests.app.at(int(time.time()), counter_offset=steps) for steps in range(-3, 6)}
        wrong = next(code for code in (f"{digit}" * 6 for digit in range(10)) if code not in near)
        guesses = (answer(guests.clients[n % WORKERS], ticket, wrong) for n in range(200))
        assert codes(await asyncio.gather(*guesses)) == {"mfa_invalid": 5, "mfa_ticket_invalid": 195}


@pytest.mark.parametrize("method", ("totp", "recovery_code"))
async def test_one_code_that_is_used_on_three_servers_at_once_opens_one_session(
    servers: list[Server], method: str
) -> None:
    async with AsyncExitStack() as stack:
        guests = await guests_of(servers, stack)
        code = guests.next_code() if method == "totp" else guests.recovery_codes[0]
        pairs = zip(guests.clients, await guests.tickets(), strict=True)
        uses = (answer(client, ticket, code, method) for client, ticket in pairs)
        assert codes(await asyncio.gather(*uses)) == {"signed in": 1, "mfa_invalid": 2}


async def test_one_ticket_with_three_right_codes_at_once_opens_one_session_and_costs_one_code(
    servers: list[Server],
) -> None:
    async with AsyncExitStack() as stack:
        guests = await guests_of(servers, stack)
        ticket = await guests.ticket(guests.clients[0])
        pairs = zip(guests.clients, guests.recovery_codes, strict=False)
        uses = (answer(client, ticket, code, "recovery_code") for client, code in pairs)
        responses = await asyncio.gather(*uses)
        assert codes(responses)["signed in"] == 1
        (signed_in,) = (response for response in responses if response.status_code == 200)
        headers = {"Authorization": f"Bearer {signed_in.json()['accessToken']}"}
        state = (await guests.clients[0].get("/api/mfa", headers=headers)).json()
        assert state["recoveryCodes"] == len(guests.recovery_codes) - 1


async def test_a_code_that_one_server_has_accepted_is_refused_by_another(servers: list[Server]) -> None:
    async with AsyncExitStack() as stack:
        guests = await guests_of(servers, stack)
        one, another, _ = guests.clients
        code = guests.next_code()
        assert (await answer(one, await guests.ticket(one), code)).status_code == 200
        replayed = await answer(another, await guests.ticket(another), code)
        assert replayed.json()["code"] == "mfa_invalid"
        earlier = await answer(another, await guests.ticket(another), guests.app.now())
        assert earlier.json()["code"] == "mfa_invalid"


async def test_a_ticket_is_void_on_all_servers_when_the_password_changes_on_one(servers: list[Server]) -> None:
    async with AsyncExitStack() as stack:
        guests = await guests_of(servers, stack)
        one, another, third = guests.clients
        ticket = await guests.ticket(another)
        signed_in = await answer(one, await guests.ticket(one), guests.recovery_codes[0], "recovery_code")
        headers = {"Authorization": f"Bearer {signed_in.json()['accessToken']}"}
        passwords = {"currentPassword": PASSWORD, "newPassword": "another password than before"}
        assert (await one.put("/api/password", json=passwords, headers=headers)).status_code == 204
        refused = await answer(third, ticket, guests.recovery_codes[1], "recovery_code")
        assert refused.json()["code"] == "mfa_ticket_invalid"
