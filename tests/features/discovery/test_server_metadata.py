from typing import Any

import httpx
import jwt
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of
from tests.support.routes import routes_of

METADATA = "/.well-known/oauth-authorization-server"
URL = "https://auth.example.com"


async def metadata_of(api: Api) -> dict[str, Any]:
    document: dict[str, Any] = (await api.client().get(METADATA)).json()
    return document


@on_sqlite
async def test_the_metadata_names_the_issuer_and_the_addresses_below_the_public_url(run_api: RunApi) -> None:
    async with run_api(public_url=URL) as api:
        assert await metadata_of(api) == {
            "issuer": URL,
            "jwks_uri": f"{URL}/.well-known/jwks.json",
            "token_endpoint": f"{URL}/token",
            "introspection_endpoint": f"{URL}/introspect",
            "revocation_endpoint": f"{URL}/revoke",
            "grant_types_supported": [
                "password",
                "refresh_token",
                "client_credentials",
                "urn:jwtapi:oauth:grant-type:mfa",
            ],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "Bearer"],
            "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "scopes_supported": ["introspect", "revoke", "revocations"],
        }


@on_sqlite
async def test_every_address_of_the_metadata_is_one_of_this_server(run_api: RunApi) -> None:
    async with run_api(public_url=f"{URL}/sso", root_path="/sso") as api:
        document = await metadata_of(api)
        assert document.pop("issuer") == f"{URL}/sso"
        addresses = [value for value in document.values() if isinstance(value, str)]
        assert len(addresses) == 4
        paths = {path for _, path in routes_of(api.services.settings)}
        assert {address.removeprefix(f"{URL}/sso") for address in addresses} <= paths


@on_sqlite
async def test_clients_without_a_secret_are_not_offered_where_clients_are_required(run_api: RunApi) -> None:
    async with run_api(public_url=URL, clients_required=True) as api:
        document = await metadata_of(api)
    for endpoint in ("token", "revocation"):
        assert document[f"{endpoint}_endpoint_auth_methods_supported"] == ["client_secret_basic", "client_secret_post"]


@on_sqlite
async def test_a_server_without_a_public_url_has_no_metadata(client: httpx.AsyncClient) -> None:
    assert error_of(await client.get(METADATA)) == (404, "not_found", "Not Found")


@on_sqlite
async def test_no_header_of_a_request_changes_the_metadata(run_api: RunApi) -> None:
    lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    async with run_api(public_url=URL, trusted_proxies="203.0.113.7") as api:
        assert "evil" not in (await api.client(**lies).get(METADATA)).text


@on_sqlite
@pytest.mark.parametrize("path", (METADATA, f"/a/b{METADATA}", f"{METADATA}/a/b"))
async def test_the_metadata_is_found_below_the_path_and_where_the_rfc_puts_it(run_api: RunApi, path: str) -> None:
    async with run_api(public_url=f"{URL}/a/b", root_path="/a/b") as api:
        assert (await api.client().get(path)).json()["issuer"] == f"{URL}/a/b"
        assert error_of(await api.client().get(f"{path}/c"))[0] == 404


@on_sqlite
async def test_the_issuer_of_the_metadata_is_the_one_of_tokens(run_api: RunApi) -> None:
    async with run_api(public_url=URL) as api:
        alice = {"username": "alice", "password": PASSWORD}
        await api.client().post("/register", json=alice)
        document = await metadata_of(api)
        path = document["token_endpoint"].removeprefix(URL)
        tokens = (await api.client().post(path, data={"grant_type": "password", **alice})).json()
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["iss"] == document["issuer"]
