from datetime import UTC, datetime, timedelta

import jwt

from jwtapi.security.device_tokens import DeviceTokens
from tests.conftest import REFRESH_SECRET

NOW = datetime(2026, 1, 2, tzinfo=UTC)

HASH = "$2b$04$one"

devices = DeviceTokens(REFRESH_SECRET)


def test_a_device_is_known_to_its_account_for_a_year() -> None:
    token = devices.issue("alice", HASH, NOW)
    device = devices.device_of(token, "alice", HASH, NOW + timedelta(days=364))
    assert device
    assert devices.device_of(token, "bob", HASH, NOW) is None
    assert devices.device_of(token, "alice", HASH, NOW + timedelta(days=365)) is None


def test_a_device_is_not_known_with_another_password() -> None:
    token = devices.issue("alice", HASH, NOW)
    assert devices.device_of(token, "alice", "$2b$04$another", NOW) is None


def test_each_login_marks_a_device_of_its_own() -> None:
    marks = {devices.device_of(devices.issue("alice", HASH, NOW), "alice", HASH, NOW) for _ in range(5)}
    assert len(marks) == 5


def test_a_mark_of_another_secret_is_none() -> None:
    assert DeviceTokens("x" * 64).device_of(devices.issue("alice", HASH, NOW), "alice", HASH, NOW) is None
    assert devices.device_of("not a token", "alice", HASH, NOW) is None


def test_a_mark_of_the_previous_secret_is_known_and_the_next_one_has_the_new_secret() -> None:
    changed = DeviceTokens("y" * 64, previous_secret=REFRESH_SECRET)
    assert changed.device_of(devices.issue("alice", HASH, NOW), "alice", HASH, NOW)
    assert changed.device_of(devices.issue("alice", HASH, NOW), "bob", HASH, NOW) is None
    assert devices.device_of(changed.issue("alice", HASH, NOW), "alice", HASH, NOW) is None


def test_the_name_cannot_be_read_off_it() -> None:
    token = devices.issue("alice", HASH, NOW)
    assert "alice" not in str(jwt.decode(token, options={"verify_signature": False}))
