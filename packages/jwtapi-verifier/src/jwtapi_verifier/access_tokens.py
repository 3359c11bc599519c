"""Checks access tokens (RFC 9068), as strictly as jwtapi itself."""

from typing import Any, NamedTuple

from jwtapi_verifier import jws
from jwtapi_verifier.claims import Claims, numeric_date
from jwtapi_verifier.errors import ExpiredToken, InvalidToken
from jwtapi_verifier.key_set import MAX_KID_LENGTH, VerificationKey

MAX_LIFETIME = 86_400
_CLOCK_SKEW = 30
_TYPES = ("at+jwt", "application/at+jwt")
_REMEMBERED_HEADERS = 64


class Header(NamedTuple):
    kid: str
    algorithm: str


class UnverifiedToken(NamedTuple):
    header: Header
    jws: jws.Jws


class AccessTokens:
    """Checks the tokens of one issuer for one audience. Any thread may use it."""

    def __init__(self, issuer: str, audience: str, leeway: float) -> None:
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        # Only the headers of tokens with a right signature, which are few: strangers cannot fill it.
        self._headers: dict[bytes, Header] = {}

    def parse(self, token: str) -> UnverifiedToken:
        """Take a token apart, to find its key.

        Raises:
            InvalidToken: it is no access token in its only spelling.
        """
        parts = jws.split(token)
        return UnverifiedToken(self._headers.get(parts.header) or _read_header(parts.header), parts)

    def verify(self, token: UnverifiedToken, key: VerificationKey, now: float) -> Claims:
        """Return the claims of a token with the kid of this key.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token was never valid, or is not valid yet.
        """
        header, parts = token
        if header.algorithm != key.algorithm:  # never what the header asks for (RFC 8725 §3.1)
            raise InvalidToken("wrong_algorithm")
        if not key.has_signed(parts.signed, parts.signature):
            raise InvalidToken("wrong_signature")
        self._remember(parts.header, header)
        payload = jws.read_object(parts.payload)
        if payload.get("iss") != self._issuer:
            raise InvalidToken("wrong_issuer")
        audience = payload.get("aud")
        if audience != self._audience and not (isinstance(audience, list) and self._audience in audience):
            raise InvalidToken("wrong_audience")
        expires = self._check_times(payload, now)
        claims = Claims.of(payload)
        if now >= expires + self._leeway:
            raise ExpiredToken
        return claims

    def _remember(self, segment: bytes, header: Header) -> None:
        if segment not in self._headers:
            if len(self._headers) >= _REMEMBERED_HEADERS:
                self._headers.clear()
            self._headers[segment] = header

    @staticmethod
    def _check_times(payload: dict[str, Any], now: float) -> float:
        """Return when the token expires."""
        issued, expires = numeric_date(payload.get("iat")), numeric_date(payload.get("exp"))
        if max(issued, numeric_date(payload.get("nbf", 0))) > now + _CLOCK_SKEW:
            raise InvalidToken("not_yet_valid")
        if expires - issued > MAX_LIFETIME:
            raise InvalidToken("lives_too_long")
        return expires


def _read_header(segment: bytes) -> Header:
    members = jws.read_header(segment)
    kid, algorithm = members.get("kid"), members.get("alg")
    if members.get("typ") not in _TYPES:
        raise InvalidToken("wrong_type")
    if not isinstance(algorithm, str):
        raise InvalidToken("wrong_algorithm")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise InvalidToken("unknown_key")
    return Header(kid, algorithm)
