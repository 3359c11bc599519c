"""How to provoke the errors of the addresses for programs that check tokens, and a request for a key set."""

from datetime import UTC, datetime, timedelta

import httpx

from jwtapi.security.key_pairs import new_key_pair
from jwtapi.security.key_ring import KeyRing, RingKey
from tests.support.api import Api
from tests.support.provoking import Provoke, Request, by_nobody

JWKS = "/.well-known/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"
SECRET = RingKey(None, datetime.min.replace(tzinfo=UTC))


async def _before_keys_are_loaded(api: Api, method: str, path: str) -> httpx.Response:
    api.services[KeyRing].replace([])
    response = await api.client().request(method, path)
    api.services[KeyRing].replace([SECRET])
    return response


async def _with_a_key_that_signs_soon(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    soon = RingKey(new_key_pair("ES256"), api.clock() + timedelta(hours=1))
    api.services[KeyRing].replace([SECRET, soon])
    return await client.get(JWKS)


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    ("storage_unavailable", JWKS): _before_keys_are_loaded,
    ("not_found", METADATA): by_nobody(),
}
REQUESTS: dict[str, Request] = {"getKeySet": _with_a_key_that_signs_soon}
