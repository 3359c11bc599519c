"""What a process remembers of the keys of sessions."""

import threading
from uuid import UUID

import httpx
import pytest

from jwtapi.sessions import known_keys
from jwtapi.sessions.known_keys import KnownKeys
from tests.conftest import RunApi
from tests.support.api import Api, sign_in


async def test_a_session_that_another_process_opened_is_remembered_on_the_event_loop_alone(
    run_api: RunApi, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    remember = KnownKeys.remember

    def remember_and_note(self: KnownKeys, session_id: UUID, key: bytes) -> None:
        threads.append(threading.current_thread())
        remember(self, session_id, key)

    monkeypatch.setattr(KnownKeys, "remember", remember_and_note)
    async with run_api() as other:
        client = other.client(Cookie=f"refreshToken={alice.cookies['refreshToken']}")
        assert (await client.post("/refresh")).status_code == 200
    assert threads == [threading.main_thread()]


async def test_sessions_beyond_the_maximum_that_is_remembered_are_refreshed_too(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "MAX_KEYS", 1)
    another = api.client()
    await sign_in(another)
    for _ in range(2):
        for client in (alice, another):
            assert (await client.post("/refresh")).status_code == 200
