"""API keys: `jwtapi_<id>_<secret>_<checksum>`, all in base62. Scanners of source code recognise them by their form."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

PREFIX = "jwtapi_"
"""No token of another kind begins so."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_ID, _SECRET, _CHECKSUM = 22, 43, 6
"""Digits that 128 bits, 256 bits and 32 bits need."""
_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_SECRET}}}_([0-9A-Za-z]{{{_CHECKSUM}}})")
_ID_BYTES, _SECRET_BYTES = 16, 32

LENGTH = len(PREFIX) + _ID + 1 + _SECRET + 1 + _CHECKSUM

_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class NewKey:
    id: UUID
    text: str = field(repr=False)
    """What the user gets, once."""
    secret_hash: bytes = field(repr=False)
    """What is stored."""


class SentKey(NamedTuple):
    """A text that has the form of a key, with the right checksum. Anybody can make one."""

    id: UUID
    secret_hash: bytes


def new_key() -> NewKey:
    """Make a key with a secret of 256 random bits."""
    key_id = uuid4()
    secret = int.from_bytes(secrets.token_bytes(_SECRET_BYTES))
    text = f"{PREFIX}{_base62(key_id.int, _ID)}_{_base62(secret, _SECRET)}"
    text = f"{text}_{_checksum(text)}"
    return NewKey(key_id, text, hash_of(text))


def is_api_key(bearer: str) -> bool:
    """Return whether a bearer token can be nothing but an API key, be it a right one or not."""
    return bearer.startswith(PREFIX)


def hash_of(text: str) -> bytes:
    """Return the SHA-256 of the whole key. A fast hash suffices, because nobody can guess the secret."""
    return hashlib.sha256(text.encode()).digest()


def parse_key(text: str) -> SentKey | None:
    """Return None unless the text has the form and the checksum of a key. The work is bounded for any text."""
    if len(text) != LENGTH or (parts := _FORM.fullmatch(text)) is None:
        return None
    if parts[2] != _checksum(text[: -_CHECKSUM - 1]):
        return None
    number = _number(parts[1])
    return SentKey(UUID(int=number), hash_of(text)) if number < 1 << (8 * _ID_BYTES) else None


def is_right(sent: SentKey, secret_hash: bytes | None) -> bool:
    """Return whether the hash is that of the key, in constant time. Without a hash the work is the same."""
    is_equal = hmac.compare_digest(sent.secret_hash, secret_hash if secret_hash is not None else _NO_HASH)
    return is_equal and secret_hash is not None


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * len(_DIGITS) + _VALUES[digit]
    return number
