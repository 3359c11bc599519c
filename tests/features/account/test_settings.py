import asyncio
import json

import httpx
import pytest

from jwtapi.security.access_tokens import AccessTokens
from tests.conftest import on_sqlite
from tests.support.api import Api, error_of

PATH = "/api/settings"


async def test_settings_are_empty_at_first(alice: httpx.AsyncClient) -> None:
    response = await alice.get(PATH)
    assert (response.status_code, response.json()) == (200, {})


async def test_a_settings_patch_merges_replaces_and_removes(alice: httpx.AsyncClient) -> None:
    await alice.patch(PATH, json={"theme": "dark", "mail": {"weekly": True, "to": "a@example.com"}})
    response = await alice.patch(PATH, json={"theme": None, "mail": {"weekly": False}, "sizes": [1, 2]})
    expected = {"mail": {"weekly": False, "to": "a@example.com"}, "sizes": [1, 2]}
    assert (response.status_code, response.json()) == (200, expected)
    assert (await alice.get(PATH)).json() == expected


@on_sqlite
async def test_the_media_type_of_merge_patch_is_accepted(alice: httpx.AsyncClient) -> None:
    response = await alice.patch(PATH, content=b'{"a": 1}', headers={"Content-Type": "application/merge-patch+json"})
    assert response.json() == {"a": 1}


async def test_each_user_has_settings_of_their_own(api: Api, alice: httpx.AsyncClient) -> None:
    await alice.patch(PATH, json={"theme": "dark"})
    bob = await api.signed_in("bob")
    assert (await bob.get(PATH)).json() == {}


async def test_no_change_of_many_simultaneous_patches_is_lost(alice: httpx.AsyncClient) -> None:
    await asyncio.gather(*(alice.patch(PATH, json={f"key{n}": n}) for n in range(20)))
    assert (await alice.get(PATH)).json() == {f"key{n}": n for n in range(20)}


async def test_settings_of_sixteen_kibibytes_are_accepted(alice: httpx.AsyncClient) -> None:
    overhead = len(json.dumps({"a": ""}, separators=(",", ":")))
    response = await alice.patch(PATH, json={"a": "é" * ((16 * 1024 - overhead) // 2)})
    assert response.status_code == 200


async def test_settings_of_more_than_sixteen_kibibytes_are_refused_and_stay_unchanged(alice: httpx.AsyncClient) -> None:
    await alice.patch(PATH, json={"a": "x" * 10_000})
    response = await alice.patch(PATH, json={"b": "x" * 10_000})
    assert error_of(response) == (413, "settings_too_large", "Settings must not exceed 16 KiB")
    assert (await alice.get(PATH)).json().keys() == {"a"}


@on_sqlite
@pytest.mark.parametrize("patch", ([], [1], "text", 5, None, True))
async def test_a_settings_patch_that_is_not_an_object_is_refused(alice: httpx.AsyncClient, patch: object) -> None:
    response = await alice.patch(PATH, content=json.dumps(patch), headers={"Content-Type": "application/json"})
    assert error_of(response)[:2] == (400, "validation_failed")


async def test_settings_of_a_user_who_is_deleted_during_the_request_are_refused(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticate = "jwtapi.authentication.authenticator.Authenticator.authenticate"
    token = alice.headers["Authorization"].removeprefix("Bearer ")
    principal = api.services[AccessTokens].decode(token, api.clock()).principal

    async def as_it_was_a_moment_ago(*_: object) -> object:
        return principal

    monkeypatch.setattr(authenticate, as_it_was_a_moment_ago)
    await api.delete()
    for response in (await alice.get(PATH), await alice.patch(PATH, json={"a": 1})):
        assert error_of(response) == (401, "token_invalid", "Invalid token")
