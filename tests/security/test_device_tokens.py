from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt

from jwtapi.security.device_tokens import DeviceTokens
from tests.conftest import REFRESH_SECRET

NOW = datetime(2026, 1, 2, tzinfo=UTC)

ALICE, BOB = uuid4(), uuid4()

HASH = "$2b$04$one"

devices = DeviceTokens(REFRESH_SECRET)


def test_a_device_is_known_to_its_user_for_a_year() -> None:
    token = devices.issue(ALICE, HASH, NOW)
    device = devices.device_of(token, ALICE, HASH, NOW + timedelta(days=364))
    assert device
    assert devices.device_of(token, BOB, HASH, NOW) is None
    assert devices.device_of(token, ALICE, HASH, NOW + timedelta(days=365)) is None


def test_a_device_is_not_known_with_another_password() -> None:
    token = devices.issue(ALICE, HASH, NOW)
    assert devices.device_of(token, ALICE, "$2b$04$another", NOW) is None


def test_each_login_marks_a_device_of_its_own() -> None:
    marks = {devices.device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) for _ in range(5)}
    assert len(marks) == 5


def test_a_mark_of_another_secret_is_none() -> None:
    assert DeviceTokens("x" * 64).device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) is None
    assert devices.device_of("not a token", ALICE, HASH, NOW) is None


def test_a_mark_of_the_previous_secret_is_known_and_the_next_one_has_the_new_secret() -> None:
    changed = DeviceTokens("y" * 64, previous_secret=REFRESH_SECRET)
    assert changed.device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW)
    assert changed.device_of(devices.issue(ALICE, HASH, NOW), BOB, HASH, NOW) is None
    assert devices.device_of(changed.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) is None


def test_a_device_token_does_not_show_the_id_of_its_user() -> None:
    token = devices.issue(ALICE, HASH, NOW)
    assert str(ALICE) not in str(jwt.decode(token, options={"verify_signature": False}))
