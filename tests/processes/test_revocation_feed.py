"""Two servers on one database, and a service that checks tokens with the feed of revocations of one of them."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from jwtapi_verifier import InvalidToken, Unavailable, Verifier
from jwtapi_verifier.timing import Timing
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.server import Server, free_port, running_servers

ROUNDS = 20
ALICE = {"username": "alice", "password": PASSWORD}
MOST_SECONDS = 10


class Proxy:
    """Passes connections on to a port, and cuts them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.target = 0
        self.is_open = True
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError):
            if self.is_open:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers.add(far_writer)
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def sign_in(client: httpx.AsyncClient) -> str:
    response = await client.post("/token", data={"grant_type": "password", **ALICE})
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


async def log_out(client: httpx.AsyncClient, token: str) -> None:
    response = await client.post("/logout", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200, response.text


async def decision_on(verifier: Verifier, token: str) -> type[Exception] | None:
    """Return the kind of the refusal, or None if the token is accepted."""
    try:
        await verifier.verify(token)
    except (InvalidToken, Unavailable) as refusal:
        return type(refusal)
    return None


async def until_it_is(expected: type[Exception], verifier: Verifier, token: str) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        while await decision_on(verifier, token) is not expected:
            await asyncio.sleep(0.001)


async def first_decisions(verifier: Verifier, *tokens: str) -> set[type[Exception] | None]:
    """Wait until the verifier decides again, and return what it decides on each of the tokens.

    The first token must be one that was revoked during the silence: others are refused all the time.
    """
    async with asyncio.timeout(MOST_SECONDS):
        while (decision := await decision_on(verifier, tokens[0])) is Unavailable:
            await asyncio.sleep(0.001)
    return {decision, *[await decision_on(verifier, token) for token in tokens[1:]]}


async def test_a_service_that_follows_the_feed_refuses_what_was_revoked_whatever_happens_to_the_feed(
    tmp_path: Path, database_url: str
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "JWT_SECRET": JWT_SECRET,
        "REFRESH_SECRET": REFRESH_SECRET,
        "SIGNING_ALGORITHM": "ES256",
        "RATE_LIMIT_ENABLED": "false",
    }
    async with Proxy().running() as proxy:
        with running_servers(tmp_path, 2, **settings, PUBLIC_URL=proxy.url) as (here, there):
            proxy.target = there.port
            client_id, client_secret = there.new_service()
            verifier = Verifier(
                proxy.url,
                proxy.url,
                client_id=client_id,
                client_secret=client_secret,
                timing=Timing(silence=1.5, poll=1),
            )
            async with here.async_client() as client, verifier:
                assert (await client.post("/register", json=ALICE)).status_code == 201
                for _ in range(ROUNDS):
                    token = await sign_in(client)
                    assert (await verifier.verify(token)).username == "alice"
                    await log_out(client, token)
                    await until_it_is(InvalidToken, verifier, token)

                tokens = [await sign_in(client) for _ in range(3)]
                proxy.cut()  # and it may connect again at once
                await log_out(client, tokens[0])
                await until_it_is(InvalidToken, verifier, tokens[0])

                proxy.is_open = False
                proxy.cut()
                await log_out(client, tokens[1])
                await until_it_is(Unavailable, verifier, tokens[1])
                proxy.is_open = True
                assert await first_decisions(verifier, tokens[1], tokens[0]) == {InvalidToken}
                await verifier.verify(tokens[2])

                there.kill()
                await log_out(client, tokens[2])
                await until_it_is(Unavailable, verifier, tokens[2])
                await asyncio.to_thread(there.start)
                assert await first_decisions(verifier, *reversed(tokens)) == {InvalidToken}

                token = await sign_in(client)
                proxy.is_open = False
                proxy.cut()
                await log_out(client, token)
                await until_it_is(Unavailable, verifier, token)
                background: Any = verifier._background  # noqa: SLF001  no server can do this to it
                background.feed._cursor = "lost"  # noqa: SLF001
                proxy.is_open = True
                assert await first_decisions(verifier, token, *tokens) == {InvalidToken}
                await verifier.verify(await sign_in(client))


@pytest.mark.parametrize("workers", ("1", "2"))
async def test_a_stopping_server_answers_those_who_wait_for_revocations(tmp_path: Path, workers: str) -> None:
    server = Server(tmp_path, WORKERS=workers)
    server.start()
    client_id, client_secret = server.new_service()
    async with server.async_client() as client, server.async_client() as other:
        other.auth = client.auth = httpx.BasicAuth(client_id, client_secret)
        cursor = (await client.get("/revocations")).json()["cursor"]
        parameters = {"after": cursor, "wait": 30}
        waiting = [asyncio.create_task(client.get("/revocations", params=parameters)) for _ in range(20)]
        for _ in range(20):  # those before have arrived when these are answered
            await other.get("/revocations", params={"after": cursor})
        assert await asyncio.to_thread(server.stop, signal.SIGTERM, MOST_SECONDS) == 0
        answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["connection"] for answer in answers} == {"close"}
    assert "Cancel" not in server.log.read_text()
