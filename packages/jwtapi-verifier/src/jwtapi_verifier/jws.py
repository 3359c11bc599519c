"""Takes compact JWS (RFC 7515) apart, more strictly than PyJWT.

PyJWT accepts UTF-16, duplicate names, and base64url in several spellings. RFC 8725 and RFC 7515 forbid that.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from jwtapi_verifier import strict_json
from jwtapi_verifier.errors import InvalidToken

MAX_LENGTH = 8192

# `crit` and `b64` change what is signed. The others bring a key, which only the key set may do (RFC 8725 §3.10).
_REFUSED = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c"})


class Jws(NamedTuple):
    header: bytes
    payload: bytes
    signed: bytes
    signature: bytes


def split(token: str) -> Jws:
    """Split a token; header and payload stay encoded.

    Raises:
        InvalidToken: the token is too long, or has no signature in canonical base64url.
    """
    if not isinstance(token, str) or len(token) > MAX_LENGTH or not token.isascii():
        raise InvalidToken("malformed")
    signed, _, signature = token.encode().rpartition(b".")
    header, _, payload = signed.partition(b".")
    return Jws(header, payload, signed, decoded(signature))


def read_header(segment: bytes) -> dict[str, Any]:
    """Return the members of a header.

    Raises:
        InvalidToken: it is not canonical base64url of an object in strict JSON, or has a member that is refused.
    """
    members = read_object(segment)
    if not _REFUSED.isdisjoint(members):
        raise InvalidToken("unsupported_header")
    return members


def read_object(segment: bytes) -> dict[str, Any]:
    """Return the members of an object in JSON.

    Raises:
        InvalidToken: it is not canonical base64url of an object in strict JSON.
    """
    try:
        members = strict_json.loads(decoded(segment))
    except ValueError:
        raise InvalidToken("malformed") from None
    if not isinstance(members, dict):
        raise InvalidToken("malformed")
    return members


def decoded(segment: bytes) -> bytes:
    """Decode base64url.

    Raises:
        InvalidToken: the segment is not the one way in which its bytes can be written.
    """
    try:
        data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        raise InvalidToken("malformed") from None
    if urlsafe_b64encode(data).rstrip(b"=") != segment:  # the decoder skips other characters, and accepts unused bits
        raise InvalidToken("malformed")
    return data
