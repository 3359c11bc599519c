"""Signs and verifies compact JWS tokens with HS256. Access, refresh and device tokens use it.

PyJWT makes and checks the signature. But it ignores `typ`, reads `exp: "1795434615"` as a number, and accepts UTF-16,
duplicate names and `=` padding, even in the header. RFC 8725 and RFC 7515 forbid that, so this file checks the rest.
"""

import hmac
import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from jwtapi import strict_json

ISSUER = "jwtapi"

_ALGORITHM = "HS256"
_MAX_LENGTH = 4096
# 32 bytes in base64url leave two bits of the last character unused. In these sixteen characters both bits are zero, so
# each signature can be written in only one way.
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_CLOCK_SKEW = 30
_LAST_GENERATION = 2**31 - 1  # the largest number that the column can hold
_LATEST = 2**53  # larger numbers are not exact, and arithmetic with them can overflow


class InvalidToken(Exception):
    """This server did not issue the token, or it is of another kind. The exception gives no reason on purpose."""


class ExpiredToken(InvalidToken):
    """The token was valid, and has expired."""


class _PreparedHmac(HMACAlgorithm):
    """HS256 (RFC 7518 §3.2) with a key that was validated before.

    PyJWT checks on every call whether the key is PEM or SSH, which took a third of the time of a token. PyJWT does not
    document subclasses of HMACAlgorithm.
    """

    def prepare_key(self, key: str | bytes) -> bytes:
        assert isinstance(key, bytes)  # noqa: S101  TokenSigner has prepared it
        return key

    def sign(self, msg: bytes, key: bytes) -> bytes:
        return hmac.digest(key, msg, "sha256")


class TokenSigner:
    """Signs tokens of one kind (`typ`) with one key, and verifies those signed with it or with the previous key."""

    def __init__(self, key: bytes, kind: str, *, previous_key: bytes | None = None) -> None:
        prepare_key = HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key
        self._key = prepare_key(key)
        self._previous_key = prepare_key(previous_key) if previous_key is not None else None
        self._kind = kind
        self._jws = jwt.PyJWS(algorithms=[_ALGORITHM])
        self._jws.unregister_algorithm(_ALGORITHM)
        self._jws.register_algorithm(_ALGORITHM, _PreparedHmac(HMACAlgorithm.SHA256))

    def sign(self, claims: dict[str, Any]) -> str:
        payload = json.dumps({"iss": ISSUER} | claims, separators=(",", ":")).encode()
        return self._jws.encode(payload, self._key, _ALGORITHM, headers={"typ": self._kind})

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
        if len(token) > _MAX_LENGTH or _FORM.fullmatch(token) is None:
            raise InvalidToken
        try:
            decoded = self._verified(token)
            claims = strict_json.loads(decoded["payload"])
            kind = _kind_of(token.partition(".")[0])
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken from None
        if kind != self._kind or not isinstance(claims, dict) or claims.get("iss") != ISSUER:
            raise InvalidToken
        if "aud" in claims:
            raise InvalidToken  # RFC 7519 §4.1.3: it is for another audience, as this server sets no `aud`
        self._check_times(claims, now.timestamp(), max_lifetime, allow_expired=allow_expired, allow_early=allow_early)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            return self._jws.decode_complete(token, self._key, algorithms=[_ALGORITHM])
        except jwt.InvalidSignatureError:
            if self._previous_key is None:
                raise
            return self._jws.decode_complete(token, self._previous_key, algorithms=[_ALGORITHM])

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
def _kind_of(header: str) -> Any:
    """Return the `typ` of a header.

    Raises:
        ValueError: the header is not strict JSON.
    """
    return strict_json.loads(base64url_decode(header)).get("typ")


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
