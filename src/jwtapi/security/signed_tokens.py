"""Signs and verifies compact JWS tokens with HS256. Access, refresh and device tokens use it.

PyJWT makes and checks the signature, and checks the header. But it ignores `typ`, reads `exp: "1795434615"` as a
number, and accepts UTF-16, duplicate names and `=` padding, even in the header. RFC 8725 and RFC 7515 forbid that, so
this file checks the rest. It also takes tokens apart, because PyJWT looks at each character in Python, which takes
longer than all other checks together.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from jwt.utils import base64url_decode, base64url_encode
from pydantic_core import to_json

from jwtapi import strict_json

ISSUER = "jwtapi"

_ALGORITHM = "HS256"
_HS256 = jwt.get_algorithm_by_name(_ALGORITHM)
_MAX_LENGTH = 4096
_CLOCK_SKEW = 30
_LAST_GENERATION = 2**31 - 1  # the largest number that the column can hold
_LATEST = 2**53  # larger numbers are not exact, and arithmetic with them can overflow


class InvalidToken(Exception):
    """This server did not issue the token, or it is of another kind. The exception gives no reason on purpose."""


class ExpiredToken(InvalidToken):
    """The token was valid, and has expired."""


class TokenSigner:
    """Signs tokens of one kind (`typ`) with one key, and verifies those signed with it or with the previous key."""

    def __init__(self, key: bytes, kind: str, *, previous_key: bytes | None = None) -> None:
        # Prepared once: PyJWT looks whether a key is PEM, SSH or JWK, which takes longer than to sign.
        self._keys = [_HS256.prepare_key(each) for each in (key, previous_key) if each is not None]
        self._kind = kind
        self._header = base64url_encode(to_json({"alg": _ALGORITHM, "typ": kind}))

    def sign(self, claims: dict[str, Any]) -> str:
        payload = base64url_encode(to_json({"iss": ISSUER} | claims))
        signed = b"%b.%b" % (self._header, payload)
        signature = base64url_encode(_HS256.sign(signed, self._keys[0]))
        return f"{signed.decode()}.{signature.decode()}"

    def decode(
        self,
        token: str,
        *,
        now: datetime,
        max_lifetime: int | None = None,
        allow_expired: bool = False,
        allow_early: bool = False,
    ) -> dict[str, Any]:
        """Return the claims of a valid token. `max_lifetime` (seconds) is the longest lifetime that it may have.

        Raises:
            ExpiredToken: the token was valid, and has expired. Not raised with `allow_expired`.
            InvalidToken: the token was never valid, or is not valid yet.
        """
        if len(token) > _MAX_LENGTH:
            raise InvalidToken
        try:
            signed, _, signature = token.encode("ascii").rpartition(b".")
            header, _, payload = signed.partition(b".")
            if not self._is_signature(_decoded(signature), signed) or _kind_of(header) != self._kind:
                raise InvalidToken
            claims = strict_json.loads(_decoded(payload))
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken from None
        if not isinstance(claims, dict) or claims.get("iss") != ISSUER:
            raise InvalidToken
        if "aud" in claims:
            raise InvalidToken  # RFC 7519 §4.1.3: it is for another audience, as this server sets no `aud`
        self._check_times(claims, now.timestamp(), max_lifetime, allow_expired=allow_expired, allow_early=allow_early)
        return claims

    def _is_signature(self, signature: bytes, signed: bytes) -> bool:
        return any(_HS256.verify(signed, key, signature) for key in self._keys)

    @staticmethod
    def _check_times(
        claims: dict[str, Any], now: float, max_lifetime: int | None, *, allow_expired: bool, allow_early: bool
    ) -> None:
        issued, not_before, expires = (
            _moment(claims.get("iat")),
            _moment(claims.get("nbf", 0)),
            _moment(claims.get("exp")),
        )
        if not allow_early and max(issued, not_before) > now + _CLOCK_SKEW:
            raise InvalidToken
        if max_lifetime is not None and expires - issued > max_lifetime:
            raise InvalidToken
        if now >= expires and not allow_expired:
            raise ExpiredToken


@lru_cache(maxsize=8)  # called only for signed tokens, which have only a few different headers
def _kind_of(header: bytes) -> Any:
    """Return the `typ` of a header.

    Raises:
        PyJWTError, ValueError: it is not the header of a token with HS256, in strict JSON.
    """
    # PyJWT checks `crit`, `b64` and `kid`. It reads only headers of whole tokens, so this one gets an empty payload.
    jwt.get_unverified_header(b"%b.e30.AA" % header)
    members = strict_json.loads(_decoded(header))
    if members.get("alg") != _ALGORITHM:
        raise ValueError("another algorithm")
    return members.get("typ")


def _decoded(segment: bytes) -> bytes:
    """Decode base64url.

    Raises:
        ValueError: the segment is not the one way in which its bytes can be written.
    """
    data = base64url_decode(segment)
    if base64url_encode(data) != segment:  # Python's decoder skips other characters and accepts set bits at the end
        raise ValueError("not canonical base64url")
    return data


def text_claim(claims: dict[str, Any], name: str) -> str:
    """Return a claim. Raise InvalidToken unless it is a text that is not empty."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken
    return value


def generation_claim(claims: dict[str, Any], name: str) -> int:
    """Return a claim. Raise InvalidToken unless it is a whole number that fits into the column `generation`."""
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LAST_GENERATION:
        raise InvalidToken
    return value


def uuid_claim(claims: dict[str, Any], name: str) -> UUID:
    """Return a claim. Raise InvalidToken unless it is a UUID."""
    try:
        return UUID(text_claim(claims, name))
    except ValueError:
        raise InvalidToken from None


def seconds(moment: datetime) -> int:
    """Return the NumericDate (RFC 7519 §2) in whole seconds, rounded down."""
    return int(moment.timestamp())


def _moment(value: Any) -> float:
    """Return a NumericDate. Raise InvalidToken unless it is a JSON number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LATEST:
        raise InvalidToken
    return value
