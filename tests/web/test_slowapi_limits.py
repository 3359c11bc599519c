import logging
from pathlib import Path

import pytest
import slowapi
from fastapi import Request

from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.limits import Limit
from jwtapi.rate_limiting.memory import MemoryStorage
from jwtapi.sign_in.limits import LOGIN
from jwtapi.web.rate_limits import AddressLimiter
from jwtapi.web.slowapi_limits import SlowapiLimits
from tests.conftest import MakeSettings, RunApi, on_sqlite

pytestmark = on_sqlite

NOBODY = {"username": "nobody", "password": "x"}


def request_from(address: str) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "client": (address, 1), "state": {}})


@pytest.mark.parametrize("where", ("the environment", ".env"))
async def test_settings_of_slowapi_itself_switch_nothing_off(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    names = {"RATELIMIT_ENABLED": "false", "RATELIMIT_SWALLOW_ERRORS": "true", "RATELIMIT_KEY_PREFIX": "x"}
    names |= {"RATELIMIT_STORAGE_URL": "memory://", "RATELIMIT_STRATEGY": "fixed-window"}
    if where == ".env":
        monkeypatch.chdir(tmp_path)
        Path(".env").write_text("\n".join(f"{name}={value}" for name, value in names.items()))
    else:
        for name, value in names.items():
            monkeypatch.setenv(name, value)
    async with run_api(rate_limit_enabled=True, login_rate_limit="2/hour") as api:
        client = api.client()
        assert [(await client.post("/login", json=NOBODY)).status_code for _ in range(3)] == [401, 401, 429]


async def test_slowapi_does_not_read_the_env_file(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(b"JWT_SECRET=\xff")
    async with run_api(rate_limit_enabled=True, login_rate_limit="1/hour") as api:
        client = api.client()
        assert [(await client.post("/login", json=NOBODY)).status_code for _ in range(2)] == [401, 429]


async def test_a_refusal_is_logged_once_and_not_by_slowapi(run_api: RunApi, caplog: pytest.LogCaptureFixture) -> None:
    async with run_api(rate_limit_enabled=True, login_rate_limit="1/hour") as api:
        client = api.client()
        with caplog.at_level(logging.INFO):
            assert [(await client.post("/login", json=NOBODY)).status_code for _ in range(3)] == [401, 429, 429]
    assert [record for record in caplog.records if record.name == "slowapi"] == []


async def test_a_limit_of_a_new_feature_is_held_without_another_declaration(make_settings: MakeSettings) -> None:
    notes = Limit(name="notes", amount=lambda _: "2/hour")
    limiter = AddressLimiter(RateLimiter(make_settings(rate_limit_enabled=True), MemoryStorage()))
    for _ in range(2):
        await limiter.admit(notes, request_from("203.0.113.7"))
    with pytest.raises(notes.error):
        await limiter.admit(notes, request_from("203.0.113.7"))
    await limiter.admit(notes, request_from("203.0.113.8"))


async def test_a_refused_request_is_not_admitted_if_slowapi_checks_nothing(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slowapi.Limiter, "enabled", property(lambda _: False, lambda *_: None), raising=False)
    limiter = RateLimiter(make_settings(rate_limit_enabled=True, login_rate_limit="1/hour"), MemoryStorage())
    await limiter.acquire(LOGIN, "203.0.113.7")
    refused = await limiter.acquire(LOGIN, "203.0.113.7")
    with pytest.raises(RuntimeError, match="did not check"):
        SlowapiLimits().check(request_from("203.0.113.7"), refused)


async def test_a_window_that_was_not_counted_is_not_admitted(make_settings: MakeSettings) -> None:
    limiter = RateLimiter(make_settings(rate_limit_enabled=True), MemoryStorage())
    standing = await limiter.acquire(LOGIN, "203.0.113.7")
    with pytest.raises(KeyError):
        SlowapiLimits().check(request_from("203.0.113.8"), standing)
