"""How a client authenticates, at every endpoint that takes clients."""

from base64 import b64encode
from collections.abc import Sequence

import httpx
import pytest

from jwtapi.clients.scopes import Scope
from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api
from tests.support.clients import TestClient, delete_client, new_client, service_token
from tests.support.statements import changes_rows, sent_by_requests, statements

ENDPOINTS: dict[str, dict[str, str]] = {
    "/token": {"grant_type": "client_credentials"},
    "/introspect": {"token": "a.b.c"},
    "/revoke": {"token": "a.b.c"},
}
UNKNOWN = "11111111-2222-4333-8444-555555555555"
WRONG = "jwtapi_" + "A" * 43

endpoints = pytest.mark.parametrize("path", ENDPOINTS)


@pytest.fixture
async def billing(api: Api) -> TestClient:
    return await new_client(api, Scope.INTROSPECT, Scope.REVOKE)


def basic(text: str | bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {b64encode(text.encode() if isinstance(text, str) else text).decode()}"


def problem(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body.keys() == {"error", "error_description", "message", "code"}
    assert body["error"] == body["code"]
    return response.status_code, body["error"]


@endpoints
async def test_a_client_authenticates_by_http_basic_or_in_the_form(
    client: httpx.AsyncClient, billing: TestClient, path: str
) -> None:
    assert (await client.post(path, data=ENDPOINTS[path], auth=billing.basic)).status_code == 200
    assert (await client.post(path, data=ENDPOINTS[path] | billing.form)).status_code == 200
    encoded = "".join(f"%{byte:02x}" for byte in str(billing.id).encode())
    for header in (
        basic(f"{encoded}:{billing.secret}"),
        basic(f"{billing.id}:{billing.secret}", "basic"),
        basic(f"{billing.id}:{billing.secret}", "BASIC"),
    ):
        response = await client.post(path, data=ENDPOINTS[path], headers={"Authorization": header})
        assert response.status_code == 200
    with_id = ENDPOINTS[path] | {"client_id": str(billing.id)}
    assert (await client.post(path, data=with_id, auth=billing.basic)).status_code == 200


@endpoints
async def test_an_unknown_client_and_a_wrong_secret_get_the_same_answer_for_the_same_statements(
    api: Api, billing: TestClient, path: str
) -> None:
    answers, sent = [], []
    for auth in (
        (str(billing.id), WRONG),
        (UNKNOWN, billing.secret),
        ("billing", billing.secret),
        ("", billing.secret),
    ):
        with statements(api, sent_by_requests) as seen:
            response = await api.client().post(path, data=ENDPOINTS[path], auth=auth)
        assert problem(response) == (401, "invalid_client")
        assert response.headers["www-authenticate"] == 'Basic realm="jwtapi", charset="UTF-8"'
        assert response.headers["cache-control"] == "no-store"
        answers.append(response.content)
        sent.append([statement.sql for statement in seen])
    assert len(set(answers)) == 1
    assert sent[1:] == sent[:-1]
    assert len(sent[0]) > 0


@endpoints
async def test_a_client_that_authenticates_in_two_ways_is_an_invalid_request(
    api: Api, client: httpx.AsyncClient, billing: TestClient, path: str
) -> None:
    other = {"client_id": UNKNOWN}
    twice = [("Authorization", basic(f"{billing.id}:{billing.secret}"))] * 2
    for response in (
        await client.post(path, data=ENDPOINTS[path] | billing.form, auth=billing.basic),
        await client.post(path, data=ENDPOINTS[path] | other, auth=billing.basic),
        await client.post(path, data=ENDPOINTS[path], headers=twice),
    ):
        assert problem(response) == (400, "invalid_request")
    bearer = {"Authorization": f"Bearer {await service_token(api, billing)}"}
    response = await client.post("/introspect", data=ENDPOINTS["/introspect"] | billing.form, headers=bearer)
    assert problem(response) == (400, "invalid_request")


@on_sqlite
@endpoints
@pytest.mark.parametrize(
    "header",
    (
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        basic("no colon"),
        basic(b"\xff:\xff"),
        basic("%ff:%ff"),
        basic(":"),
        basic("a:" + "x" * 2000),
    ),
)
async def test_malformed_credentials_are_those_of_no_client_and_cost_no_statement(
    api: Api, path: str, header: str
) -> None:
    with statements(api, lambda sql: "clients" in sql) as sent:
        response = await api.client().post(path, data=ENDPOINTS[path], headers={"Authorization": header})
    assert problem(response) == (401, "invalid_client")
    assert sent == [] or header == basic(":")


@pytest.mark.parametrize("path", ("/token", "/introspect"))
async def test_a_client_must_authenticate_where_only_clients_ask(client: httpx.AsyncClient, path: str) -> None:
    for form in ({}, {"client_id": UNKNOWN}, {"client_id": UNKNOWN, "client_secret": ""}):
        assert problem(await client.post(path, data=ENDPOINTS[path] | form)) == (401, "invalid_client")


async def test_a_service_token_lets_a_client_introspect(api: Api, billing: TestClient) -> None:
    bearer = {"Authorization": f"Bearer {await service_token(api, billing)}"}
    response = await api.client().post("/introspect", data={"token": "a.b.c"}, headers=bearer)
    assert response.content == b'{"active":false}'


async def test_a_bearer_token_that_is_no_valid_service_token_is_refused_as_rfc_6750_says(
    api: Api, billing: TestClient
) -> None:
    alice = (await api.signed_in()).headers["Authorization"].removeprefix("Bearer ")
    token = await service_token(api, billing)
    for wrong in ("a.b.c", "", alice, f"{token}x", "ü"):
        headers = [(b"Authorization", f"Bearer {wrong}".encode("latin-1"))]
        response = await api.client().post("/introspect", data={"token": "a.b.c"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    api.clock.advance(900)
    bearer = {"Authorization": f"Bearer {token}"}
    response = await api.client().post("/introspect", data={"token": "a.b.c"}, headers=bearer)
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


async def test_a_client_without_the_scope_may_not_introspect(api: Api) -> None:
    shop = await new_client(api, Scope.REVOKE, name="shop")
    both = await new_client(api, Scope.INTROSPECT, Scope.REVOKE)
    narrow = await service_token(api, both, scope="revoke")
    for headers in (
        {"Authorization": basic(f"{shop.id}:{shop.secret}")},
        {"Authorization": f"Bearer {await service_token(api, shop)}"},
        {"Authorization": f"Bearer {narrow}"},
    ):
        response = await api.client().post("/introspect", data={"token": "a.b.c"}, headers=headers)
        assert problem(response) == (403, "insufficient_scope")
        challenge = 'Bearer realm="jwtapi", error="insufficient_scope", scope="introspect"'
        assert response.headers["www-authenticate"] == challenge


@endpoints
async def test_a_deleted_client_is_refused_from_the_next_request_on_also_by_another_process(
    run_api: RunApi, api: Api, billing: TestClient, path: str
) -> None:
    token = await service_token(api, billing)
    async with run_api(database_url=api.services.settings.database_url.get_secret_value()) as other:
        client = other.client()
        assert (await client.post(path, data=ENDPOINTS[path], auth=billing.basic)).status_code == 200
        await delete_client(api, billing)
        assert problem(await client.post(path, data=ENDPOINTS[path], auth=billing.basic)) == (401, "invalid_client")
        bearer = {"Authorization": f"Bearer {token}"}
        response = await client.post("/introspect", data={"token": "a.b.c"}, headers=bearer)
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")


@endpoints
async def test_wrong_secrets_are_limited_by_address_and_never_delay_the_right_one(run_api: RunApi, path: str) -> None:
    async with run_api(
        rate_limit_enabled=True, login_rate_limit="2/15 minutes", rate_limit_storage_uri="database://"
    ) as api:
        billing = await new_client(api, Scope.INTROSPECT)

        async def ask(*auth: str, address: str = "203.0.113.7") -> httpx.Response:
            client = api.client(address)
            return await client.post(path, data=ENDPOINTS[path], auth=(auth[0], auth[1]))

        for _ in range(5):
            assert (await ask(*billing.basic)).status_code == 200
        for wrong in ((str(billing.id), WRONG), (UNKNOWN, WRONG)):
            assert (await ask(*wrong)).status_code == 401
        refused = await ask(UNKNOWN, WRONG)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
        assert int(refused.headers["retry-after"]) > 0
        with statements(api, lambda sql: "rate_limits" in sql) as sent:
            assert (await ask(str(billing.id), WRONG)).status_code == 429
        assert not [each for each in sent if "clients" in str(each.parameters)]  # the refusal is remembered
        assert (await ask(*billing.basic)).status_code == 200
        assert (await ask(UNKNOWN, WRONG, address="203.0.113.8")).status_code == 401


async def test_wrong_secrets_leave_only_the_counter_in_the_database(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, rate_limit_storage_uri="database://") as api:
        with statements(api, sent_by_requests) as sent:
            for _ in range(3):
                await api.client().post("/introspect", data={"token": "a.b.c"}, auth=(UNKNOWN, WRONG))
        assert len([each for each in sent if "rate_limits" in each.sql]) == 3
        assert len([each for each in sent if each.sql.startswith("SELECT clients.")]) == 3
        assert not [each for each in sent if changes_rows(each.sql) and "rate_limits" not in each.sql]
        assert await api.events(None) == []


def forms_that_are_none() -> Sequence[tuple[bytes, str]]:
    form = "application/x-www-form-urlencoded"
    return (
        (b'{"token": "a.b.c"}', "application/json"),
        (b"token=a&token=b", form),
        (b"token=%ff", form),
        (b"token=" + b"x" * 17_000, form),
        (b"&".join(b"a%d=1" % n for n in range(50)), form),
        (b"", form),
    )


@on_sqlite
@pytest.mark.parametrize("path", ("/introspect", "/revoke"))
@pytest.mark.parametrize(("content", "content_type"), forms_that_are_none())
async def test_a_request_that_is_no_small_form_with_a_token_is_invalid(
    client: httpx.AsyncClient, billing: TestClient, path: str, content: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    response = await client.post(path, content=content, headers=headers, auth=billing.basic)
    assert problem(response) == (400, "invalid_request")


@endpoints
async def test_no_log_and_no_error_repeats_a_secret(
    api: Api, billing: TestClient, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "Canary-4711"
    for response in (
        await api.client().post(path, data=ENDPOINTS[path], auth=(canary, canary)),
        await api.client().post(path, data=ENDPOINTS[path] | {"client_id": canary, "client_secret": canary}),
        await api.client().post(path, data=ENDPOINTS[path] | {"client_secret": canary}, auth=billing.basic),
        await api.client().post(path, data=ENDPOINTS[path] | {"token": canary}, auth=billing.basic),
    ):
        assert canary not in response.text
    assert canary not in capsys.readouterr().out
