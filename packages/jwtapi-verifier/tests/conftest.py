from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from jwtapi_verifier import Verifier
from made_tokens import AUDIENCE, SigningKey, TokenMaker, signing_key
from scripted_server import ScriptedServer, json_answer, running_server
from verifier_parts import FakeClock, MakeVerifier


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's proxy cannot reach servers of this machine's loopback interface."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def key() -> SigningKey:
    return signing_key()


@pytest.fixture
async def server(key: SigningKey) -> AsyncIterator[ScriptedServer]:
    """An issuer that publishes `key`."""
    async with running_server() as server:
        server.answers["/.well-known/jwks.json"] = json_answer({"keys": [key.jwk]})
        yield server


@pytest.fixture
def tokens(server: ScriptedServer) -> TokenMaker:
    return TokenMaker(server.url)


@pytest.fixture
async def make_verifier(server: ScriptedServer, clock: FakeClock) -> AsyncIterator[MakeVerifier]:
    """Makes verifiers of the server's tokens, which are not started, and are closed at the end."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> Verifier:
            verifier = Verifier(server.url, AUDIENCE, **{"clock": clock} | options)
            stack.push_async_callback(verifier.close)
            return verifier

        yield make


@pytest.fixture
def verifier(make_verifier: MakeVerifier) -> Verifier:
    return make_verifier()
