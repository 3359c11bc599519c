"""`jwtapi user reset-mfa`."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jwtapi.composition import settings_class
from jwtapi.settings import load_settings
from tests.cli.conftest import Run
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.features.passkeys.provoked import added
from tests.support.api import Api, running_api
from tests.support.clock import FakeClock
from tests.support.mfa import with_totp

ENDED = "Every session has ended, and no device is remembered."


def with_api(folder: Path, use: Callable[[Api], Awaitable[None]]) -> None:
    """Use an API on the database of the folder."""
    settings = load_settings(
        kind=settings_class(),
        env_file=None,
        jwt_secret=JWT_SECRET,
        refresh_secret=REFRESH_SECRET,
        database_url=f"sqlite:///{folder}/jwtapi.db",
        port=4000,  # that of the authenticator's pages
    )

    async def run() -> None:
        async with running_api(settings, FakeClock()) as api:
            await use(api)

    asyncio.run(run())


async def all_factors(api: Api) -> None:
    alice = await api.signed_in()
    await with_totp(api, alice)
    assert (await added(alice))[1].status_code == 201


async def two_passkeys_and_no_password(api: Api) -> None:
    alice = await api.signed_in()
    await added(alice)
    await added(alice)
    assert (await alice.delete("/api/password")).status_code == 204


def test_the_command_line_removes_all_second_factors_and_says_what_stays(run: Run, folder: Path) -> None:
    with_api(folder, all_factors)
    result = run("user", "reset-mfa", "alice")
    assert result.exit_code == 0
    assert result.stdout == (
        f"Removed from alice: the authenticator app, passkeys: 1, recovery codes. {ENDED}\n"
        "The password stays, and signs in alone.\n"
    )

    async def signs_in_with_the_password_alone(api: Api) -> None:
        response = await api.client().post(
            "/login", json={"username": "alice", "password": "correct horse battery staple"}
        )
        assert response.status_code == 200
        events = await api.events()
        (reset,) = [event for event in events if event.type == "mfa.reset"]
        assert reset.address is None
        assert "sessions.revoked" in [event.type for event in events]

    with_api(folder, signs_in_with_the_password_alone)
    assert run("user", "reset-mfa", "alice").stdout == "alice has no second factor.\n"


def test_passkeys_that_are_the_only_way_in_stay_and_the_command_line_says_how_to_remove_them(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")  # sends no mail
    monkeypatch.setenv("BCRYPT_ROUNDS", "10")
    monkeypatch.setenv("JWT_SECRET", JWT_SECRET)
    monkeypatch.setenv("REFRESH_SECRET", REFRESH_SECRET)
    monkeypatch.setenv("PUBLIC_URL", "https://auth.example.com")
    with_api(folder, two_passkeys_and_no_password)
    result = run("user", "reset-mfa", "alice")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "Passkeys that stay: 2. They are the only way in, because alice has no password. To remove them too, give "
        "alice a password first: `jwtapi user reset-link alice`.\n"
    )
    with sqlite3.connect(folder / "jwtapi.db") as database:
        assert database.execute("SELECT count(*) FROM passkeys").fetchone() == (2,)
        assert database.execute("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").fetchone() == (1,)


def test_a_reset_begins_the_grace_anew_where_a_second_factor_is_required(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def alice_whose_grace_has_ended(api: Api) -> None:
        await api.signed_in()
        await api.sql("UPDATE users SET second_factor_due_at = created_at")

    with_api(folder, alice_whose_grace_has_ended)
    monkeypatch.setenv("MFA_REQUIRED", "all")
    assert run("user", "reset-mfa", "alice").stdout == (
        "alice has no second factor.\n"
        "MFA_REQUIRED: the time in which users set up a second factor (MFA_GRACE) begins anew.\n"
    )
    with sqlite3.connect(folder / "jwtapi.db") as database:
        assert database.execute("SELECT second_factor_due_at FROM users").fetchone() == (None,)


def test_the_command_line_resets_nobody_who_does_not_exist(run: Run, folder: Path) -> None:
    with_api(folder, all_factors)
    result = run("user", "reset-mfa", "nobody")
    assert (result.exit_code, result.stdout) == (3, "")
