"""Recovery codes: look-up secrets for a user who has lost the other factor (NIST SP 800-63B §3.1.2)."""

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from uuid import UUID

COUNT = 10
_BYTES = 10
_LENGTH = _BYTES * 8 // 5
_GROUP = 4
_FORM = re.compile(rf"[A-Z2-7]{{{_LENGTH}}}")


class RecoveryCodes:
    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only recognises codes."""
        self._keys = [_key_from(secret) for secret in (refresh_secret, previous_secret) if secret is not None]

    @staticmethod
    def new() -> Sequence[str]:
        """Return COUNT codes of 80 random bits, in base32 (RFC 4648 §6) and in groups, as `ABCD-EFGH-JKLM-NPQR`."""
        return [_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode()) for _ in range(COUNT)]

    def mac_of(self, user_id: UUID, code: str) -> bytes:
        """Return what is stored of a new code, 32 bytes."""
        return _mac(self._keys[0], user_id, code.replace("-", ""))

    def macs_of(self, user_id: UUID, text: str) -> Sequence[bytes]:
        """Return what may be stored of the code that somebody typed. Empty: the text has not the form of a code.

        Case, spaces and hyphens make no difference.
        """
        if len(text) > 4 * _LENGTH:
            return ()
        code = re.sub(r"[\s-]", "", text).upper()
        return [_mac(key, user_id, code) for key in self._keys] if _FORM.fullmatch(code) else ()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def _key_from(secret: str) -> bytes:
    """A separate key, so that nothing else that the secret signs can be mistaken for a code."""
    return hmac.digest(secret.encode(), b"jwtapi recovery codes", "sha256")


def _mac(key: bytes, user_id: UUID, code: str) -> bytes:
    return hmac.digest(key, user_id.bytes + code.encode(), "sha256")
