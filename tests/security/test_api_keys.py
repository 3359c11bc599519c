import re
import zlib
from hashlib import sha256

import pytest

from jwtapi.security.api_keys import is_api_key, is_right, new_key, parse_key


def with_checksum(text: str) -> str:
    """Add the checksum, as somebody does who makes up a key."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    return f"{text}_{digits}"


def test_a_key_has_a_form_that_scanners_recognise_and_a_checksum_that_they_can_compute() -> None:
    key = new_key()
    assert re.fullmatch(r"jwtapi_[0-9A-Za-z]{22}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", key.text)
    assert with_checksum(key.text[:-7]) == key.text
    assert is_api_key(key.text)


def test_a_key_contains_its_id_and_is_recognised_by_its_hash() -> None:
    key, other = new_key(), new_key()
    sent = parse_key(key.text)
    assert sent is not None
    assert sent.id == key.id
    assert key.secret_hash == sha256(key.text.encode()).digest()
    assert is_right(sent, key.secret_hash)
    assert not is_right(sent, other.secret_hash)
    assert not is_right(sent, None)


def test_nothing_prints_a_key_by_accident() -> None:
    key = new_key()
    assert key.text not in repr(key)
    assert key.text[30:60] not in f"{key} {key!r}"


@pytest.mark.parametrize("position", (8, 40, 75))
def test_a_mistyped_key_is_recognised_by_its_checksum(position: int) -> None:
    text = new_key().text
    other = "A" if text[position] != "A" else "B"
    assert parse_key(f"{text[:position]}{other}{text[position + 1 :]}") is None


def test_a_made_up_key_with_the_right_checksum_is_only_looked_up_by_a_possible_id() -> None:
    assert parse_key(with_checksum("jwtapi_" + "0" * 22 + "_" + "0" * 43)) is not None
    # 62 ** 22 is more than 2 ** 128.
    assert parse_key(with_checksum("jwtapi_" + "z" * 22 + "_" + "0" * 43)) is None


@pytest.mark.parametrize(
    "text",
    (
        "",
        "jwtapi_",
        "jwtapi_" * 1_000_000,
        "jwtapi_" + "é" * 73,
        "jwtapi_JxWm0l5vGq7dQ1hYtZ3rB8nKc2sF6uXeA9pTiVoLwMg",
        with_checksum("jwtapi_" + "٣" * 22 + "_" + "0" * 43),
        with_checksum("jwtapi_" + "0" * 22 + "-" + "0" * 43),
        with_checksum("JWTAPI_" + "0" * 22 + "_" + "0" * 43),
        with_checksum("jwtapi_" + "0" * 22 + "_" + "0" * 43) + "\n",
    ),
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_other_text_is_no_key(text: str) -> None:
    assert parse_key(text) is None
