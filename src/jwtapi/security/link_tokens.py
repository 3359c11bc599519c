"""Link tokens: what a link in a mail proves.

A token is not stored. Its MAC covers the purpose, the subject, the expiry, and what it is bound to: a state of the
subject's row, so a token is void when that state changes. The state has random bytes, so that forging a token takes
both REFRESH_SECRET and the database. Only the state of an undo has none: it names the address that the undo restores.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken

_UUID_BYTES, _EXPIRY_BYTES, _MAC_BYTES = 16, 6, 32
_LENGTH = _UUID_BYTES + _EXPIRY_BYTES + _MAC_BYTES
TEXT_LENGTH = _LENGTH * 4 // 3
"""Characters of each token."""

_LAST_SECOND = 253402300799
"""Of the year 9999: a `datetime` holds no later one."""


class LinkPurpose(StrEnum):
    RESET_PASSWORD = "reset password"  # noqa: S105  a purpose, no password
    VERIFY_EMAIL = "verify email"
    UNDO_EMAIL = "undo email"
    ACCEPT_INVITATION = "accept invitation"
    """Came by mail, so the token also proves that the address is right."""
    ACCEPT_PRINTED_INVITATION = "accept printed invitation"
    """Was printed by the command line, so the token proves no address."""


@dataclass(frozen=True, slots=True)
class LinkClaims:
    """What a token says. It proves nothing until `LinkTokens.is_right`."""

    purpose: LinkPurpose
    subject: UUID
    """The id of the row that the link is about."""
    expires_at: datetime
    mac: bytes = field(repr=False)


class LinkTokens:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only verifies tokens."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]

    def issue(self, purpose: LinkPurpose, subject: UUID, *, bound_to: bytes, expires_at: datetime) -> str:
        """Make the token. The expiry is rounded down to seconds."""
        signed = subject.bytes + int(expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
        return urlsafe_b64encode(signed + _mac(self._keys[0], purpose, signed, bound_to)).decode()

    @staticmethod
    def decode(token: str, purpose: LinkPurpose, now: datetime) -> LinkClaims:
        """Read a token.

        Raises:
            ExpiredToken: the token says so. It may be forged.
            InvalidToken: the token has not the form of one.
        """
        if len(token) != TEXT_LENGTH:
            raise InvalidToken
        try:
            data = urlsafe_b64decode(token.encode("ascii"))
        except (binascii.Error, ValueError):
            raise InvalidToken from None
        if len(data) != _LENGTH or urlsafe_b64encode(data).decode() != token:
            raise InvalidToken  # Python's decoder skips other characters
        expiry = int.from_bytes(data[_UUID_BYTES : _UUID_BYTES + _EXPIRY_BYTES], "big")
        if expiry > _LAST_SECOND:
            raise InvalidToken
        expires_at = datetime.fromtimestamp(expiry, UTC)
        if now >= expires_at:
            raise ExpiredToken
        return LinkClaims(purpose, UUID(bytes=data[:_UUID_BYTES]), expires_at, data[-_MAC_BYTES:])

    def is_right(self, claims: LinkClaims, bound_to: bytes) -> bool:
        """Return whether this server issued the token for this purpose and for this state of the subject."""
        expiry = int(claims.expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
        signed = claims.subject.bytes + expiry
        return any(hmac.compare_digest(claims.mac, _mac(key, claims.purpose, signed, bound_to)) for key in self._keys)


def _key_from(secret: str) -> bytes:
    """A separate key, so that nothing else that the secret signs can be mistaken for a link token."""
    return hmac.digest(secret.encode(), b"jwtapi link tokens", "sha256")


def _mac(key: bytes, purpose: LinkPurpose, signed: bytes, bound_to: bytes) -> bytes:
    # The parts before `bound_to` have a fixed length for each purpose, so no two messages are the same bytes.
    return hmac.digest(key, purpose.encode() + b"\0" + signed + bound_to, "sha256")
