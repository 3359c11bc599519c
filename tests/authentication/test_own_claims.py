"""TOKEN_CLAIMS: members of a user's metadata in access tokens."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from jwtapi.clients.scopes import Scope
from jwtapi.features.oauth.schemas import TokenState
from jwtapi.token_claims import TAKEN
from tests.authentication.test_access_token_claims import OF_EVERY_TOKEN, claims_of, status_with, token_of
from tests.conftest import RunApi, on_sqlite
from tests.sessions.test_cache import until_changes_are_heard
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.clients import TestClient, new_client, sign_in_at_token
from tests.support.revocations import follower
from tests.support.statements import sent_by_requests, statements

URL = "https://example.com/claims"
ON: dict[str, Any] = {"token_claims": "tenant, plan", "token_claims_namespace": URL}
METADATA = {"tenant": "acme", "plan": {"seats": [1, 2.5, None, True]}, "note": "owes us money"}
CLAIMS = {"tenant": "acme", "plan": {"seats": [1, 2.5, None, True]}}


async def introspected(api: Api, client: TestClient, token: str) -> dict[str, Any]:
    answer = await api.client().post("/introspect", data={"token": token}, auth=client.basic)
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("algorithm", ("HS256", "ES256"))
async def test_every_access_token_and_its_introspection_have_the_chosen_members_and_no_other(
    run_api: RunApi, algorithm: str
) -> None:
    async with run_api(signing_algorithm=algorithm, **ON) as api:
        await register(api.client())
        await api.admin.set_metadata("alice", METADATA)
        alice = await sign_in(api.client())
        again = await alice.post("/api/reauthenticate", json={"password": PASSWORD})
        oauth = await sign_in_at_token(api)
        refreshed = await alice.post("/refresh")
        grant = {"grant_type": "refresh_token", "refresh_token": oauth["refresh_token"]}
        tokens = [
            token_of(alice),
            again.json()["accessToken"],
            refreshed.json()["accessToken"],
            oauth["access_token"],
            (await api.client().post("/token", data=grant)).json()["access_token"],
        ]
        billing = await new_client(api, Scope.INTROSPECT)
        for token in tokens:
            assert claims_of(token)[URL] == CLAIMS
            assert (await introspected(api, billing, token))[URL] == CLAIMS
            assert await status_with(api, token) == 200
            assert "owes us money" not in json.dumps(claims_of(token))


async def test_a_lost_answer_to_a_refresh_comes_again_with_the_claims(run_api: RunApi) -> None:
    async with run_api(**ON) as api:
        alice = await api.signed_in()
        await api.admin.set_metadata("alice", METADATA)
        used = alice.cookies["refreshToken"]
        for _ in range(2):
            answer = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
            assert claims_of(answer.json()["accessToken"])[URL] == CLAIMS


async def test_a_token_with_claims_of_before_is_refused_in_another_process_too(run_api: RunApi) -> None:
    async with run_api(**ON) as one, run_api(**ON) as another:
        await until_changes_are_heard(another)
        alice = await one.signed_in()
        guest = another.client(Authorization=alice.headers["authorization"])
        assert (await guest.get("/profile")).status_code == 200
        await one.admin.set_metadata("alice", METADATA)
        while (response := await guest.get("/profile")).status_code == 200:
            await asyncio.sleep(0)
        assert error_of(response)[:2] == (401, "token_invalid")
        assert await status_with(one, token_of(alice)) == 401
        new = (await alice.post("/refresh")).json()["accessToken"]
        assert await status_with(another, new) == 200
        # What no token contains, and another spelling of the same, refuse none.
        await one.admin.set_metadata("alice", dict(reversed(METADATA.items())) | {"note": "has paid"})
        assert [await status_with(each, new) for each in (one, another)] == [200, 200]
        # Python takes `true` for `1`.
        await one.admin.set_metadata("alice", METADATA | {"plan": {"seats": [True, 2.5, None, True]}})
        assert await status_with(one, new) == 401


async def test_a_service_that_follows_the_feed_refuses_tokens_with_claims_of_before(run_api: RunApi) -> None:
    async with run_api(**ON) as api:
        await register(api.client())
        await api.admin.set_metadata("alice", METADATA)
        orders = await follower(api)
        await orders.ask()
        old = token_of(await sign_in(api.client()))
        await api.admin.set_metadata("alice", METADATA | {"tenant": "emca"})
        entry = (await orders.ask())["users"][0]
        assert entry["claims"] == {URL: CLAIMS | {"tenant": "emca"}}
        assert not orders.accepts(old)
        assert orders.accepts(token_of(await sign_in(api.client())))


async def test_tokens_from_before_the_setting_are_good_and_without_it_no_metadata_are_read(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        await api.admin.set_metadata("alice", METADATA)
        alice = await sign_in(api.client())
        before = token_of(alice)
        assert "claims" not in claims_of(before)
        with statements(api, sent_by_requests) as sent:
            assert await status_with(api, before) == 200
            await alice.post("/refresh")
        assert all("metadata" not in statement.sql for statement in sent)
    async with run_api(**ON) as api:
        assert await status_with(api, before) == 200
        with_claims = token_of(await sign_in(api.client()))
    async with run_api() as api:
        assert await status_with(api, with_claims) == 200
    async with run_api(**ON | {"token_claims": "tenant"}) as api:
        assert await status_with(api, with_claims) == 401


def test_no_claim_and_no_member_of_an_introspection_can_be_replaced() -> None:
    assert OF_EVERY_TOKEN | {"aud", "roles", "scope"} | TokenState.model_fields.keys() <= TAKEN


@on_sqlite
async def test_a_user_without_the_members_has_an_empty_claim(run_api: RunApi) -> None:
    """If the claim were missing, the token would look like one from before the setting, and outlive the next change."""
    async with run_api(token_claims="tenant") as api:
        token = token_of(await api.signed_in())
        assert claims_of(token)["claims"] == {}
        await api.admin.set_metadata("alice", {"tenant": "acme"})
        assert await status_with(api, token) == 401


async def test_members_that_have_become_too_large_are_left_out_and_the_log_names_the_user(run_api: RunApi) -> None:
    async with run_api() as api:
        await register(api.client())
        await api.admin.set_metadata("alice", {"tenant": "x" * 1100})
        user_id = str((await api.user()).id)
    async with run_api(**ON) as api:
        with structlog.testing.capture_logs() as logs:
            token = token_of(await sign_in(api.client()))
        assert claims_of(token)[URL] == {}
        assert await status_with(api, token) == 200
        (fault,) = [line for line in logs if line["log_level"] == "error"]
        assert fault["user_id"] == user_id
        assert "xxx" not in json.dumps(fault)


@on_sqlite
@pytest.mark.parametrize("algorithm", ("HS256", "RS256"))
async def test_the_longest_token_passes_where_heads_are_limited_to_8_kib(run_api: RunApi, algorithm: str) -> None:
    longest = {
        "signing_algorithm": algorithm,
        "public_url": f"https://{'.'.join(['x' * 60] * 4)}.example.com",
        "token_audience": "a" * 200,
        "token_claims": "tenant",
        "token_claims_namespace": "n" * 100,
    }
    async with run_api(**longest) as api:
        alice = await api.signed_in("a" * 64)
        await api.set_roles("r" * 1020, username="a" * 64)
        await api.admin.set_metadata("a" * 64, {"tenant": "x" * (1024 - len('{"tenant":""}'))})
        token = token_of(await sign_in(alice, "a" * 64))
        assert await status_with(api, token) == 200
        assert len(token) < 6000


PAGE = (Path(__file__).parents[2] / "docs/roles.md").read_text()


def found_at(path: str, claims: Any) -> Any:
    """What a path such as `$.roles[0]` or `.claims.role` means in the claims."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        claims = claims[name] if name else claims[int(index)]
    return claims


@on_sqlite
async def test_the_examples_for_hasura_and_postgrest_find_what_they_look_for_in_a_token(run_api: RunApi) -> None:
    (hasura,) = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "claims_map" in text]
    (postgrest,) = re.findall(r'^jwt-role-claim-key = "(.*)"$', PAGE, re.MULTILINE)
    url = hasura["issuer"]
    async with run_api(signing_algorithm="ES256", public_url=url, token_claims="tenant,role") as api:
        await register(api.client())
        await api.set_roles("staff", "editor")
        await api.admin.set_metadata("alice", {"tenant": "acme", "role": "web_editor"})
        claims = claims_of(token_of(await sign_in(api.client())))
        user_id = str((await api.user()).id)
    assert claims["aud"] == hasura["audience"]
    assert hasura["jwk_url"] == f"{url}/.well-known/jwks.json"
    assert {name: found_at(place["path"], claims) for name, place in hasura["claims_map"].items()} == {
        "x-hasura-user-id": user_id,
        "x-hasura-allowed-roles": ["staff", "editor"],
        "x-hasura-default-role": "staff",
        "x-hasura-tenant": "acme",
    }
    assert found_at(postgrest, claims) == "web_editor"
    assert found_at(".roles[0]", claims) == "staff"


@on_sqlite
async def test_hasura_finds_its_variables_under_its_own_namespace(run_api: RunApi) -> None:
    (settings,) = re.findall(r"```sh\nTOKEN_CLAIMS=(.*)\nTOKEN_CLAIMS_NAMESPACE=(.*)\n```", PAGE)
    (metadata,) = re.findall(r'```json\n({\n  "x-hasura-user-id".*?})\n```', PAGE, re.DOTALL)
    async with run_api(token_claims=settings[0], token_claims_namespace=settings[1]) as api:
        await register(api.client())
        await api.admin.set_metadata("alice", json.loads(metadata))
        claims = claims_of(token_of(await sign_in(api.client())))
    assert claims["https://hasura.io/jwt/claims"] == json.loads(metadata)


CARRYING = {"metadata": {"tenant": "evil"}, "tenant": "evil", "claims": {"tenant": "evil"}}


async def test_a_user_cannot_set_the_own_metadata(run_api: RunApi) -> None:
    async with run_api(token_claims="tenant") as api:
        client = api.client()
        await client.post("/register", json={"username": "alice", "password": PASSWORD, **CARRYING})
        alice = await sign_in(client)
        await alice.patch("/api/settings", json=CARRYING)
        renaming = await alice.patch("/api/account", json={"username": "alicia", **CARRYING})
        assert error_of(renaming)[:2] == (400, "validation_failed")
        user = await api.user()
        assert (user.metadata, user.settings) == ({}, CARRYING)
        assert claims_of((await alice.post("/refresh")).json()["accessToken"])["claims"] == {}


async def test_the_export_of_an_account_has_the_metadata(api: Api, alice: httpx.AsyncClient) -> None:
    await api.admin.set_metadata("alice", METADATA)
    assert (await alice.get("/api/account/export")).json()["account"]["metadata"] == METADATA
    assert (await api.event_types())[-1] == "user.metadata_changed"
