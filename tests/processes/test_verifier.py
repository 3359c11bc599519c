"""The verifier for Python services, beside a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from jwtapi_verifier import Claims, InvalidToken, Verifier
from jwtapi_verifier.timing import Timing
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.server import Server, free_port, running_server

QUICK = Timing(refresh_at_least=0.05, refresh_at_most=0.05)


@pytest.fixture(params=("ES256", "EdDSA", "RS256"))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    port = str(free_port())
    settings = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "SIGNING_ALGORITHM": request.param}
    secrets = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
    with running_server(tmp_path / "server", RATE_LIMIT_ENABLED="false", **settings, **secrets) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with server.async_client() as client:
        await register(client, "alice")
        yield client


async def new_token(client: httpx.AsyncClient) -> str:
    return (await sign_in(client, "alice")).headers["Authorization"].removeprefix("Bearer ")


def kid_of(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


async def reason(verifier: Verifier, token: str) -> str:
    """Verify the token until it is refused, and return why."""
    async with asyncio.timeout(20):
        while True:
            try:
                await verifier.verify(token)
            except InvalidToken as error:
                return error.reason
            await asyncio.sleep(0.01)


async def token_of_another_key(client: httpx.AsyncClient, kid: str) -> str:
    """Sign in until the server signs with another key."""
    async with asyncio.timeout(20):
        while kid_of(token := await new_token(client)) == kid:
            await asyncio.sleep(0.01)
    return token


async def revoke_key(server: Server, kid: str) -> None:
    await asyncio.to_thread(server.run, "keys", "revoke", "--yes", "--", kid)


async def test_a_verifier_accepts_the_tokens_of_a_server_and_refuses_others(
    server: Server, client: httpx.AsyncClient
) -> None:
    token = await new_token(client)
    async with Verifier(server.base_url, server.base_url) as verifier:
        claims = await verifier.verify(token)
        assert (claims.username, claims.client_id, claims.amr) == ("alice", "jwtapi", ("pwd",))
        assert isinstance(claims.session_id, str)
        with pytest.raises(InvalidToken, match="wrong_signature"):
            await verifier.verify(token[:-8] + "AAAAAAAA")
    async with Verifier(server.base_url, "https://another.example") as verifier:
        with pytest.raises(InvalidToken, match="wrong_audience"):
            await verifier.verify(token)


@pytest.mark.parametrize("server", ("ES256",), indirect=True)
async def test_a_verifier_accepts_old_and_new_tokens_through_a_rotation(
    server: Server, client: httpx.AsyncClient
) -> None:
    token = await new_token(client)
    async with Verifier(server.base_url, server.base_url, timing=QUICK) as verifier:
        assert isinstance(await verifier.verify(token), Claims)
        await asyncio.to_thread(server.run, "keys", "rotate", "--now")
        next_token = await token_of_another_key(client, kid_of(token))
        assert isinstance(await verifier.verify(next_token), Claims)
        assert isinstance(await verifier.verify(token), Claims)
        await revoke_key(server, kid_of(token))
        assert await reason(verifier, token) == "unknown_key"
        assert isinstance(await verifier.verify(next_token), Claims)


@pytest.mark.parametrize("server", ("ES256",), indirect=True)
async def test_a_verifier_with_the_feed_refuses_what_has_ended(server: Server, client: httpx.AsyncClient) -> None:
    client_id, client_secret = await asyncio.to_thread(server.new_service)
    ended, kept = await new_token(client), await new_token(client)
    async with Verifier(server.base_url, server.base_url, client_id=client_id, client_secret=client_secret) as verifier:
        assert isinstance(await verifier.verify(ended), Claims)
        assert verifier.feed_is_live
        response = await client.post("/revoke", data={"token": ended})
        assert response.status_code == 200
        assert await reason(verifier, ended) == "session_ended"
        assert isinstance(await verifier.verify(kept), Claims)
        await revoke_key(server, kid_of(kept))
        assert await reason(verifier, kept) == "key_revoked"
        next_token = await token_of_another_key(client, kid_of(kept))
        assert isinstance(await verifier.verify(next_token), Claims)
        await asyncio.to_thread(server.run, "user", "disable", "alice")
        assert await reason(verifier, next_token) in {"user_changed", "session_ended"}
