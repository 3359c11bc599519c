"""Reads and writes the notations of bytes and numbers in hashes."""

import base64
import binascii
import re

from jwtapi.security.foreign_hashes.errors import Malformed

MAX_STORED = 255
"""Characters of a stored hash: the width of the column."""

MAX_SALT = 128
"""Bytes of a salt."""

PHP_SPACES = b" \t\n\r\0\x0b"
"""The characters that `trim` of PHP removes."""

_SLASHED = re.compile(rb"(['\"\\])")

_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def spellings_of_wordpress(secret: bytes) -> list[bytes]:
    """Return what WordPress may have hashed: one text, or two for a password with quotes or backslashes.

    Its forms put a backslash before each of these, and hash the result. Its command line does not. Both remove spaces
    around it.
    """
    slashed = _SLASHED.sub(rb"\\\1", secret).replace(b"\0", rb"\0")
    return list(dict.fromkeys(each.strip(PHP_SPACES) for each in (slashed, secret)))


def read_base64(text: str) -> bytes:
    """Read base64 with or without padding, also with the `.` that passlib writes for `+`.

    Raises:
        Malformed: it is not base64.
    """
    body = text.rstrip("=").replace(".", "+")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except ValueError:  # binascii.Error, or characters that are not ASCII
        raise Malformed("a part that must be base64 is not") from None


def write_base64(value: bytes) -> str:
    """Write base64 without padding."""
    return base64.b64encode(value).rstrip(b"=").decode()


def read_hex(text: str) -> bytes:
    """Read hexadecimal digits.

    Raises:
        Malformed: it has other characters, or an odd number of digits.
    """
    try:
        return binascii.unhexlify(text)
    except ValueError:
        raise Malformed("a part that must be hexadecimal is not") from None


def read_number(text: str) -> int:
    """Read a decimal number of at most ten digits, without a sign and without leading zeros.

    Raises:
        Malformed: it is not such a number.
    """
    if _NUMBER.fullmatch(text) is None:
        raise Malformed("a part that must be a number is not")
    return int(text)


def read_numbers(text: str, *names: str) -> tuple[int, ...]:
    """Read `m=65536,t=3,p=4`: these names in this order.

    Raises:
        Malformed: it has other names, or not only numbers.
    """
    parts = [part.partition("=") for part in text.split(",")]
    if tuple(name for name, _, _ in parts) != names:
        raise Malformed(f"the parameters must be {', '.join(names)}")
    return tuple(read_number(value) for _, _, value in parts)


def split(text: str, separator: str, count: int) -> list[str]:
    """Split the text into exactly so many parts.

    Raises:
        Malformed: there are more or fewer.
    """
    return exactly(text.split(separator), count)


def exactly(parts: list[str], count: int) -> list[str]:
    """Return the parts, if there are so many.

    Raises:
        Malformed: there are more or fewer.
    """
    if len(parts) != count:
        raise Malformed("it does not have the parts of a hash of this scheme")
    return parts
