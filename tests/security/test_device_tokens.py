import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest

from jwtapi.security.device_tokens import DeviceTokens
from tests.conftest import REFRESH_SECRET

NOW = datetime(2026, 1, 2, tzinfo=UTC)

ALICE, BOB = UUID(int=1), UUID(int=2)
HASH = "$2b$04$one"

devices = DeviceTokens(REFRESH_SECRET)


def test_a_device_token_is_valid_for_its_user_for_a_year() -> None:
    token = devices.issue(ALICE, HASH, NOW)
    device = devices.device_of(token, ALICE, HASH, NOW + timedelta(days=364))
    assert device
    assert devices.device_of(token, BOB, HASH, NOW) is None
    assert devices.device_of(token, ALICE, HASH, NOW + timedelta(days=365)) is None


def test_a_device_token_is_not_valid_with_another_password() -> None:
    token = devices.issue(ALICE, HASH, NOW)
    assert devices.device_of(token, ALICE, "$2b$04$another", NOW) is None


def test_each_login_issues_a_token_of_another_device() -> None:
    marks = {devices.device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) for _ in range(5)}
    assert len(marks) == 5


def test_a_token_signed_with_another_secret_is_not_valid() -> None:
    assert DeviceTokens("x" * 64).device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) is None
    assert devices.device_of("not a token", ALICE, HASH, NOW) is None


def test_a_token_signed_with_the_previous_secret_is_valid_and_the_next_one_is_signed_with_the_new_secret() -> None:
    changed = DeviceTokens("y" * 64, previous_secret=REFRESH_SECRET)
    assert changed.device_of(devices.issue(ALICE, HASH, NOW), ALICE, HASH, NOW)
    assert changed.device_of(devices.issue(ALICE, HASH, NOW), BOB, HASH, NOW) is None
    assert devices.device_of(changed.issue(ALICE, HASH, NOW), ALICE, HASH, NOW) is None


def test_the_cookie_does_not_show_the_user_id() -> None:
    claims = str(jwt.decode(devices.issue(ALICE, HASH, NOW), options={"verify_signature": False}))
    assert str(ALICE) not in claims
    assert ALICE.hex not in claims


def test_no_token_is_valid_without_a_user() -> None:
    assert devices.device_of(devices.issue(ALICE, HASH, NOW), None, HASH, NOW) is None


@pytest.mark.parametrize("device", ("a\0b", "j" * 2500, ""))
def test_a_device_id_that_no_storage_could_keep_is_refused(device: str) -> None:
    claims = jwt.decode(devices.issue(ALICE, HASH, NOW), options={"verify_signature": False})
    key = hmac.digest(REFRESH_SECRET.encode(), b"jwtapi device tokens", "sha256")
    forged = jwt.encode(claims | {"jti": device}, key, "HS256", headers={"typ": "dt+jwt"})
    assert devices.device_of(forged, ALICE, HASH, NOW) is None
