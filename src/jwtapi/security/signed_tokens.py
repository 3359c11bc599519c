"""What access, refresh and device tokens have in common: a compact JWS, HS256, of one kind, with strict claims.

PyJWT makes and checks the signature. It ignores `typ`, reads `exp: "1795434615"` as a number, takes UTF-16, duplicate
names and `=` padding, in the header too; RFC 8725 and 7515 do not, so the rest is checked here.
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
# The last character of 32 bytes in base64url has two unused bits: only these sixteen leave them zero, so that each
# signature has one spelling.
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_CLOCK_SKEW = 30
_LAST_GENERATION = 2**31 - 1  # the largest number of the column
_LATEST = 2**53  # beyond it numbers are no longer exact, and arithmetic can overflow


class InvalidToken(Exception):
    """The token is not one that this server made, of the kind wanted here. It says no more."""


class ExpiredToken(InvalidToken):
    """The token was good once."""


class _PreparedHmac(HMACAlgorithm):
    """HS256 under a key that was prepared before: PyJWT looks at each use whether it is one in PEM or of SSH.

    A third of the time that a token took. RFC 7518 §3.2. PyJWT documents no subclass of HMACAlgorithm.
    """

    def prepare_key(self, key: str | bytes) -> bytes:
        assert isinstance(key, bytes)  # noqa: S101  what HMACAlgorithm.prepare_key gave
        return key

    def sign(self, msg: bytes, key: bytes) -> bytes:
        return hmac.digest(key, msg, "sha256")


class TokenSigner:
    """Makes tokens of one kind (`typ`) under one key, and reads those made under it or under the key before."""

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
        self, token: str, *, now: datetime, max_lifetime: int | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        """Return the claims of a good token; `max_lifetime` (seconds) bounds how long it may claim to live.

        Raises:
            ExpiredToken: it was good once; not with `allow_expired`.
            InvalidToken: it never was, or is not yet.
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
            raise InvalidToken  # RFC 7519 §4.1.3: meant for others; this server issues none
        self._check_times(claims, now.timestamp(), max_lifetime, allow_expired=allow_expired)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            return self._jws.decode_complete(token, self._key, algorithms=[_ALGORITHM])
        except jwt.InvalidSignatureError:
            if self._previous_key is None:
                raise
            return self._jws.decode_complete(token, self._previous_key, algorithms=[_ALGORITHM])

    @staticmethod
    def _check_times(claims: dict[str, Any], now: float, max_lifetime: int | None, *, allow_expired: bool) -> None:
        issued, not_before, expires = (
            _moment(claims.get("iat")),
            _moment(claims.get("nbf", 0)),
            _moment(claims.get("exp")),
        )
        if issued > now + _CLOCK_SKEW or not_before > now + _CLOCK_SKEW:
            raise InvalidToken
        if max_lifetime is not None and expires - issued > max_lifetime:
            raise InvalidToken
        if now >= expires and not allow_expired:
            raise ExpiredToken


@lru_cache(maxsize=8)  # asked for signed tokens alone, whose headers are the same few
def _kind_of(header: str) -> Any:
    """Return the `typ` of a header that is strict JSON.

    Raises:
        ValueError: it is not.
    """
    return strict_json.loads(base64url_decode(header)).get("typ")


def text_claim(claims: dict[str, Any], name: str) -> str:
    """Return a claim that must be there and be text, else raise `InvalidToken`."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken
    return value


def generation_claim(claims: dict[str, Any], name: str) -> int:
    """Return a claim that must be there and count a session's refreshes, else raise `InvalidToken`."""
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LAST_GENERATION:
        raise InvalidToken
    return value


def uuid_claim(claims: dict[str, Any], name: str) -> UUID:
    """Return a claim that must be there and be a UUID, else raise `InvalidToken`."""
    try:
        return UUID(text_claim(claims, name))
    except ValueError:
        raise InvalidToken from None


def seconds(moment: datetime) -> int:
    """NumericDate (RFC 7519 §2), in whole seconds, rounded down."""
    return int(moment.timestamp())


def _moment(value: Any) -> float:
    """Return a NumericDate, which is a JSON number and nothing else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LATEST:
        raise InvalidToken
    return value
