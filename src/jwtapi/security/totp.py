"""Codes of authenticator apps (RFC 6238): six digits, SHA-1, 30 seconds, as all apps know them.

pyotp computes the codes. It accepts a code twice, takes digits of other scripts and fails on lone surrogates. So the
form is checked here, and the step of a right code is returned for the database, which accepts each step once.
"""

import re
import secrets
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from jwtapi.security.encryption import Cipher

WINDOW = 1
"""How many steps before and after the present one are accepted, because clocks differ and people are slow."""

_SECRET_BYTES = 20
"""As long as the hash (RFC 4226 §4)."""

_FEWEST_SECRET_BYTES, _MOST_SECRET_BYTES = 10, 64
"""Of a secret that another system has made. Google Authenticator began with 10."""

_MAX_TYPED = 32
_CODE = re.compile("[0-9]{6}")
_PURPOSE = b"jwtapi totp secrets"


def canonical_secret(text: str) -> str:
    """Return a secret in base32 as `TotpSecrets` encrypts it: capitals, without spaces and without padding.

    Raises:
        ValueError: it is not base32, or it does not have 10 to 64 bytes. The message does not repeat it.
    """
    secret = "".join(text.split()).replace("-", "").upper().rstrip("=")
    if len(secret) > 2 * _MOST_SECRET_BYTES:
        raise ValueError("too long")
    try:
        size = len(b32decode(secret + "=" * (-len(secret) % 8)))
    except ValueError:
        raise ValueError("not base32") from None
    if not _FEWEST_SECRET_BYTES <= size <= _MOST_SECRET_BYTES:
        raise ValueError("not 10 to 64 bytes")
    return secret


@dataclass(frozen=True, slots=True)
class TotpSetUp:
    """What an authenticator app needs. It is shown once."""

    secret: str = field(repr=False)
    """In base32."""
    uri: str = field(repr=False)
    """`otpauth://totp/…` (the key URI format of Google Authenticator)."""

    def qr_svg(self) -> str:
        """Return the URI as a QR code, an SVG element without styles."""
        import segno  # noqa: PLC0415  as long as nobody sets up a factor, a worker does not load it

        # Every reader reads every mask. To find the prettiest one would take five times as long.
        code = segno.make(self.uri, error="m", micro=False, mask=0)
        out = BytesIO()
        code.save(out, kind="svg", scale=4, border=4, xmldecl=False, dark="#000", light="#fff")
        return out.getvalue().decode().strip()


class UnreadableSecret(Exception):
    """No REFRESH_SECRET of this server opens the stored secret of an authenticator app."""


@dataclass(frozen=True, slots=True)
class OpenedSecret:
    secret: str = field(repr=False)
    """In base32."""
    is_outdated: bool
    """Whether the previous REFRESH_SECRET has encrypted it."""


class TotpSecrets:
    """Makes, encrypts and opens the secrets of authenticator apps, and checks codes."""

    def __init__(self, refresh_secret: str, *, previous_secret: str | None = None) -> None:
        """`previous_secret` only decrypts."""
        self._secrets = [secret for secret in (refresh_secret, previous_secret) if secret is not None]
        self._made: Sequence[Cipher] = ()

    def _ciphers(self) -> "Sequence[Cipher]":
        if not self._made:
            from jwtapi.security.encryption import Cipher  # noqa: PLC0415  loads cryptography, 9 MB

            self._made = [Cipher(secret, _PURPOSE) for secret in self._secrets]
        return self._made

    @staticmethod
    def new(username: str, issuer: str) -> TotpSetUp:
        import pyotp  # noqa: PLC0415  as above

        secret = b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        # The label separates its parts by a colon, so neither part may have one.
        name, issuer = (text.replace(":", "·") for text in (username, issuer))
        return TotpSetUp(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))

    def encrypt(self, user_id: UUID, secret: str) -> bytes:
        return self._ciphers()[0].encrypt(secret.encode(), bound_to=user_id.bytes)

    def decrypt(self, user_id: UUID, encrypted: bytes) -> OpenedSecret:
        """Raises: UnreadableSecret."""
        from jwtapi.security.encryption import WrongSecret  # noqa: PLC0415  as above

        for number, cipher in enumerate(self._ciphers()):
            try:
                return OpenedSecret(cipher.decrypt(encrypted, bound_to=user_id.bytes).decode(), number > 0)
            except WrongSecret:
                continue
        raise UnreadableSecret

    @staticmethod
    def step_of(secret: str, typed: str, now: datetime) -> int | None:
        """Return the step that the code is right for, the number of half minutes since 1970. None: it is wrong.

        Spaces make no difference. Whatever else a client sends is a wrong code.
        """
        code = typed.replace(" ", "") if len(typed) <= _MAX_TYPED else ""
        if _CODE.fullmatch(code) is None:
            return None
        import pyotp  # noqa: PLC0415  as above
        from pyotp.exceptions import OTPVerificationError  # noqa: PLC0415

        try:
            return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=WINDOW)
        except (OTPVerificationError, ValueError):  # no step comes before the first one of 1970
            return None
