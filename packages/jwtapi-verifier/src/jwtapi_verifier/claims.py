from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jwtapi_verifier.errors import InvalidToken

_LATEST = 2**53  # larger numbers are not exact, and arithmetic with them can overflow
_LAST_DATE = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token states (RFC 9068).

    A token that a client (a service) got for itself has `client_id` equal to `sub`, no `username` and no `session_id`.
    """

    sub: str
    """The id of the user, or of the client."""
    username: str | None
    roles: tuple[str, ...]
    session_id: str | None
    client_id: str | None
    scope: tuple[str, ...]
    auth_time: datetime | None
    """When the user last proved who they are."""
    amr: tuple[str, ...]
    """How the user proved it (RFC 8176)."""
    expires_at: datetime
    issued_at: datetime
    token_id: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """All claims, as in the token."""

    @classmethod
    def of(cls, payload: dict[str, Any]) -> "Claims":
        """Make them of a payload whose `exp` and `iat` are checked.

        Raises:
            InvalidToken: a claim is missing or has a wrong type.
        """
        authenticated = payload.get("auth_time")
        return cls(
            sub=_required_text(payload, "sub"),
            username=_text(payload, "username"),
            roles=_texts(payload, "roles"),
            session_id=_text(payload, "sid"),
            client_id=_text(payload, "client_id"),
            scope=tuple((_text(payload, "scope") or "").split()),
            auth_time=None if authenticated is None else _date(numeric_date(authenticated)),
            amr=_texts(payload, "amr"),
            expires_at=_date(payload["exp"]),
            issued_at=_date(payload["iat"]),
            token_id=_required_text(payload, "jti"),
            raw=payload,
        )


def numeric_date(value: Any) -> float:
    """Return a NumericDate (RFC 7519 §2). Raise InvalidToken unless it is a JSON number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LATEST:
        raise InvalidToken("wrong_claims")
    return value


def _date(value: float) -> datetime:
    if not 0 <= value <= _LAST_DATE:
        raise InvalidToken("wrong_claims")
    return datetime.fromtimestamp(value, UTC)


def _required_text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken("wrong_claims")
    return value


def _text(payload: dict[str, Any], name: str) -> str | None:
    """Return a claim that may be missing, but is not empty."""
    return _required_text(payload, name) if name in payload else None


def _texts(payload: dict[str, Any], name: str) -> tuple[str, ...]:
    value = payload.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidToken("wrong_claims")
    return tuple(value)
