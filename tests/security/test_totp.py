from base64 import b32encode
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pyotp
import pytest

from jwtapi.security.totp import TotpSecrets, UnreadableSecret

SECRET = b32encode(b"12345678901234567890").decode()
USER = UUID("12345678-1234-4321-8765-123456789abc")
OLD, NEW = "the secret of before, 32 bytes long", "the secret of now, also 32 bytes long"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# The last six digits of the values of the RFC, which have eight.
@pytest.mark.parametrize(
    ("seconds", "code"),
    (
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ),
)
def test_the_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert TotpSecrets.step_of(SECRET, code, at(seconds)) == seconds // 30
    assert TotpSecrets.step_of(SECRET, f" {code[:3]} {code[3:]} ", at(seconds)) == seconds // 30


def test_a_code_of_a_neighbouring_step_has_that_step() -> None:
    for seconds in (0, 29):
        now = at(1111111110 + seconds)
        steps = [
            TotpSecrets.step_of(SECRET, pyotp.TOTP(SECRET).at(now, counter_offset=away), now) for away in range(-2, 3)
        ]
        assert steps == [None, 37037036, 37037037, 37037038, None]


@pytest.mark.parametrize(
    "typed",
    (
        *("", "28708", "2870822", "28708\n", "287082\n", "287-082", "28 70 8", "+87082", "2e7082"),
        *("２８７０８２", "٢٨٧٠٨٢", "28708²", "287\u00a0082", "\ud83d87082", "287082\ud83d", "\x00287082"),
        *("287082" * 2000, " " * 10_000 + "287082"),
    ),
)
def test_whatever_is_not_six_digits_of_ascii_is_a_wrong_code(typed: str) -> None:
    assert TotpSecrets.step_of(SECRET, typed, at(59)) is None


def test_a_secret_is_random_and_as_long_as_the_hash() -> None:
    made = {TotpSecrets.new("alice", "jwtapi").secret for _ in range(100)}
    assert len(made) == 100
    assert {len(pyotp.TOTP(secret).byte_secret()) for secret in made} == {20}


def test_a_name_with_a_colon_or_of_another_script_stays_one_part_of_the_label() -> None:
    set_up = TotpSecrets.new("al:ice@exämple", "::1")
    parsed = pyotp.parse_uri(set_up.uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (set_up.secret, "al·ice@exämple", "··1")


def test_an_encrypted_secret_belongs_to_its_user() -> None:
    secrets = TotpSecrets(NEW)
    encrypted = secrets.encrypt(USER, SECRET)
    assert SECRET.encode() not in encrypted
    assert encrypted != secrets.encrypt(USER, SECRET)
    assert secrets.decrypt(USER, encrypted).secret == SECRET
    with pytest.raises(UnreadableSecret):
        secrets.decrypt(uuid4(), encrypted)


def test_the_previous_secret_only_decrypts() -> None:
    encrypted = TotpSecrets(OLD).encrypt(USER, SECRET)
    both = TotpSecrets(NEW, previous_secret=OLD)
    opened = both.decrypt(USER, encrypted)
    assert (opened.secret, opened.is_outdated) == (SECRET, True)
    anew = both.encrypt(USER, SECRET)
    assert both.decrypt(USER, anew).is_outdated is False
    assert TotpSecrets(NEW).decrypt(USER, anew).secret == SECRET
    for unreadable in (encrypted, b"", b"x", anew[:-1], bytes(len(anew))):
        with pytest.raises(UnreadableSecret):
            TotpSecrets(NEW).decrypt(USER, unreadable)


def test_no_repr_shows_a_secret() -> None:
    secrets = TotpSecrets(NEW, previous_secret=OLD)
    set_up = secrets.new("alice", "jwtapi")
    opened = secrets.decrypt(USER, secrets.encrypt(USER, set_up.secret))
    for shown in (repr(set_up), repr(opened), repr(secrets), str(secrets.__class__)):
        assert set_up.secret not in shown
        assert NEW not in shown


def test_the_longest_name_and_issuer_fit_into_a_qr_code() -> None:
    assert TotpSecrets.new("𞤀" * 64, "𞤀" * 16).qr_svg().startswith("<svg")


def test_there_is_no_step_before_the_first_one_of_1970() -> None:
    secret = TotpSecrets.new("alice", "jwtapi").secret
    assert TotpSecrets.step_of(secret, "123456", datetime.fromtimestamp(0, UTC)) is None
