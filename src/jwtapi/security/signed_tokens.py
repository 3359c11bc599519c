"""Signs and verifies compact JWS tokens. Access, refresh and device tokens use it.

Libraries for JWT ignore `typ`, read `exp: "1795434615"` as a number, and accept UTF-16, duplicate names and `=`
padding, even in the header. RFC 8725 and RFC 7515 forbid that. So this file takes tokens apart and checks their form,
and each key checks its signatures.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pydantic_core import to_json

from jwtapi import strict_json
from jwtapi.settings import ISSUER

_MAX_LENGTH = 8192
_CLOCK_SKEW = 30
_LAST_GENERATION = 2**31 - 1  # the largest number that the column can hold
_LATEST = 2**53  # larger numbers are not exact, and arithmetic with them can overflow


class InvalidToken(Exception):
    """This server did not issue the token, or it is of another kind. The exception gives no reason on purpose."""


class ExpiredToken(InvalidToken):
    """The token was valid, and has expired."""


class Key(Protocol):
    @property
    def algorithm(self) -> str:
        """The `alg` of all tokens that this key signs. It verifies no others."""

    @property
    def kid(self) -> str | None:
        """The `kid` of these tokens. None for a secret: its tokens have no `kid`."""

    def sign(self, data: bytes) -> bytes: ...

    def verify(self, data: bytes, signature: bytes) -> bool: ...


class Keys(Protocol):
    def signing_key(self) -> Key: ...

    def verifying_keys(self, kid: str | None) -> Sequence[Key]:
        """Return the keys that may have signed a token with this `kid`. It asks nobody."""


class TokenSigner:
    """Signs tokens of one kind (`typ`), and verifies them."""

    def __init__(self, keys: Keys, kind: str, *, issuer: str = ISSUER, audience: str | None = None) -> None:
        """Without an `audience`, tokens of a key pair are for the issuer, and those of a secret have no `aud`."""
        self._keys = keys
        self._kind = kind
        self._issuer = issuer
        self._audience = audience
        # Tokens from before PUBLIC_URL was set stay valid.
        self._issuers = frozenset({issuer, ISSUER})
        self._audiences = self._issuers if audience is None else frozenset({audience})

    def sign(self, claims: dict[str, Any], *, key: Key | None = None) -> str:
        """Sign with `key`, if the caller has asked for the key that signs now, or else with that one."""
        key = key or self._keys.signing_key()
        audience = self._audience or (self._issuer if key.kid is not None else None)
        ours = {"iss": self._issuer} | ({"aud": audience} if audience is not None else {})
        signed = b"%b.%b" % (_header(key.algorithm, self._kind, key.kid), _encoded(to_json(ours | claims)))
        return f"{signed.decode()}.{_encoded(key.sign(signed)).decode()}"

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
            kind, algorithm, kid = _read_header(header)
            if kind != self._kind or not self._is_signature(_decoded(signature), signed, algorithm, kid):
                raise InvalidToken
            claims = strict_json.loads(_decoded(payload))
        except ValueError:
            raise InvalidToken from None
        if not isinstance(claims, dict) or claims.get("iss") not in self._issuers:
            raise InvalidToken
        if not self._is_audience(claims, is_required=kid is not None):
            raise InvalidToken  # RFC 7519 §4.1.3
        self._check_times(claims, now.timestamp(), max_lifetime, allow_expired=allow_expired, allow_early=allow_early)
        return claims

    def _is_signature(self, signature: bytes, signed: bytes, algorithm: str, kid: str | None) -> bool:
        """The key determines the algorithm. The header only has to name the same (RFC 8725 §3.1)."""
        keys = self._keys.verifying_keys(kid)
        return any(key.algorithm == algorithm and key.verify(signed, signature) for key in keys)

    def _is_audience(self, claims: dict[str, Any], *, is_required: bool) -> bool:
        if "aud" not in claims:
            return not is_required
        audience = claims["aud"]
        return isinstance(audience, str) and audience in self._audiences

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


class _Header(NamedTuple):
    kind: Any
    algorithm: str
    kid: str | None


@lru_cache(maxsize=64)
def _header(algorithm: str, kind: str, kid: str | None) -> bytes:
    members = {"alg": algorithm, "typ": kind} | ({"kid": kid} if kid is not None else {})
    return _encoded(to_json(members))


@lru_cache(maxsize=64)
def _read_header(header: bytes) -> _Header:
    """Read what matters of a header. The rest of it, such as `jwk`, `jku` and `x5c`, is never looked at.

    Raises:
        ValueError: it is not strict JSON, or it demands what this file does not understand.
    """
    members = strict_json.loads(_decoded(header))
    if not isinstance(members, dict) or "crit" in members or "b64" in members:  # RFC 7515 §4.1.11, RFC 7797
        raise ValueError("not a header for us")
    algorithm, kid = members.get("alg"), members.get("kid")
    if not isinstance(algorithm, str) or not (isinstance(kid, str) or "kid" not in members):
        raise ValueError("alg and kid must be texts")
    return _Header(members.get("typ"), algorithm, kid)


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decoded(segment: bytes) -> bytes:
    """Decode base64url.

    Raises:
        ValueError: the segment is not the one way in which its bytes can be written.
    """
    data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if _encoded(data) != segment:  # Python's decoder skips other characters and accepts set bits at the end
        raise ValueError("not canonical base64url")
    return data


def unverified_claims(token: str) -> dict[str, Any]:
    """Read the claims of a token whose signature and form were checked before."""
    claims: dict[str, Any] = strict_json.loads(_decoded(token.split(".")[1].encode()))
    return claims


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
