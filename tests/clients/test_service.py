import uuid

import pytest

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid
from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.errors import ClientNameInvalid, ClientNameTaken, InvalidClient, UnknownClient
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from tests.conftest import on_sqlite
from tests.support.api import Api
from tests.support.statements import sent_by_requests, statements


@pytest.fixture
def clients(api: Api) -> ClientService:
    return api.services[ClientService]


async def test_a_client_authenticates_with_its_id_and_its_secret(clients: ClientService) -> None:
    created = await clients.create("billing", [Scope.REVOKE, Scope.INTROSPECT, Scope.REVOKE], COMMAND_LINE)
    client = await clients.authenticate(str(created.client.id), created.secret)
    assert client == created.client
    assert (client.name, client.scopes) == ("billing", ["introspect", "revoke"])
    assert await clients.list() == [client]


async def test_a_secret_is_stored_only_as_a_hash_and_shown_by_no_repr(api: Api, clients: ClientService) -> None:
    created = await clients.create("billing", [], COMMAND_LINE)
    assert created.secret.startswith("jwtapi_")
    assert len(created.secret) == 50
    assert created.secret not in repr(created)
    assert created.secret not in repr(await api.sql("SELECT * FROM clients"))
    assert repr(created.client.secret_hash) not in repr(created.client)


@pytest.mark.parametrize(
    ("client_id", "secret"),
    (
        (None, "wrong"),
        (None, ""),
        (None, "jwtapi_ü"),
        ("11111111-2222-4333-8444-555555555555", None),
        (str(uuid.UUID(int=0)), None),
        ("billing", None),
        ("", ""),
        ("\0", "\0"),
    ),
)
async def test_an_unknown_id_takes_the_same_work_as_a_wrong_secret(
    api: Api, clients: ClientService, client_id: str | None, secret: str | None
) -> None:
    created = await clients.create("billing", [], COMMAND_LINE)
    with statements(api, sent_by_requests) as expected, pytest.raises(InvalidClient):
        await clients.authenticate(str(created.client.id), "jwtapi_" + "A" * 43)
    with statements(api, sent_by_requests) as actual, pytest.raises(InvalidClient):
        await clients.authenticate(client_id or str(created.client.id), created.secret if secret is None else secret)
    assert [each.sql for each in actual] == [each.sql for each in expected] != []


@on_sqlite
@pytest.mark.parametrize("name", ("", "-x", ".x", "two words", "ü", "x" * 65, "x\n", "x\0"))
async def test_a_name_that_a_shell_could_misread_is_refused(clients: ClientService, name: str) -> None:
    with pytest.raises(ClientNameInvalid):
        await clients.create(name, [], COMMAND_LINE)
    assert await clients.list() == []


async def test_a_name_is_given_once(api: Api, clients: ClientService) -> None:
    await clients.create("x" * 64, [], COMMAND_LINE)
    with pytest.raises(ClientNameTaken):
        await clients.create("x" * 64, [], COMMAND_LINE)
    assert await api.event_types(None) == ["client.created"]


async def test_a_deleted_client_and_its_tokens_are_refused_at_once(api: Api, clients: ClientService) -> None:
    created = await clients.create("billing", [Scope.INTROSPECT], COMMAND_LINE)
    token = clients.issue_token(created.client, ["introspect"]).access_token
    assert await clients.authenticate_by_token(token) == created.client
    await clients.delete("billing", COMMAND_LINE)
    with pytest.raises(InvalidClient):
        await clients.authenticate(str(created.client.id), created.secret)
    with pytest.raises(AccessTokenInvalid):
        await clients.authenticate_by_token(token)
    with pytest.raises(UnknownClient):
        await clients.delete("billing", COMMAND_LINE)
    made, deleted = await api.events(None)
    assert (made.type, deleted.type) == ("client.created", "client.deleted")
    assert made.details == deleted.details == {"client_id": str(created.client.id)}


async def test_a_service_token_has_its_own_scopes_and_those_that_the_client_still_has(
    api: Api, clients: ClientService
) -> None:
    created = await clients.create("billing", [Scope.INTROSPECT, Scope.REVOKE], COMMAND_LINE)
    token = clients.issue_token(created.client, ["revoke"]).access_token
    assert (await clients.authenticate_by_token(token)).scopes == ["revoke"]
    more = clients.issue_token(created.client, ["revoke", "revocations"]).access_token
    assert (await clients.authenticate_by_token(more)).scopes == ["revoke"]
    none = clients.issue_token(created.client, []).access_token
    assert (await clients.authenticate_by_token(none)).scopes == []
    api.clock.advance(900)
    with pytest.raises(AccessTokenExpired):
        await clients.authenticate_by_token(token)


async def test_a_token_of_a_user_is_no_service_token_and_a_service_token_opens_no_route_of_users(
    api: Api, clients: ClientService
) -> None:
    alice = await api.signed_in()
    with pytest.raises(AccessTokenInvalid):
        await clients.authenticate_by_token(alice.headers["Authorization"].removeprefix("Bearer "))
    created = await clients.create("billing", [Scope.INTROSPECT], COMMAND_LINE)
    token = clients.issue_token(created.client, ["introspect"]).access_token
    for path in ("/profile", "/api/account", "/auth/verify", "/api/sessions"):
        response = await api.client(Authorization=f"Bearer {token}").get(path)
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
