"""Opens the private keys of rows: with REFRESH_SECRET, with the previous one, or from SIGNING_KEY.

This module loads PyJWT and cryptography when the first key is opened, which an installation with HS256 never does.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jwtapi.security.key_ring import RingKey
from jwtapi.settings import Settings, SettingsError, SigningAlgorithm
from jwtapi.storage.signing_keys import SECRET, SigningKey

if TYPE_CHECKING:
    from jwtapi.security.key_pairs import KeyPair


class PrivateKeys:
    def __init__(self, settings: Settings) -> None:
        """Raises: SettingsError: SIGNING_KEY is unusable."""
        self._secrets = [
            secret.get_secret_value()
            for secret in (settings.refresh_secret, settings.refresh_secret_previous)
            if secret is not None
        ]
        self.given = given_key_pairs(settings)
        """The keys of SIGNING_KEY, in its order."""
        self._opened = {pair.kid: pair for pair in self.given}
        self._closed: dict[str, bytes] = {}

    def knows(self, rows: Iterable[SigningKey]) -> bool:
        """Return whether `open` has nothing to load or to decrypt."""
        return all(row.kid == SECRET or row.kid in self._opened for row in rows)

    def open_all(self, rows: Iterable[SigningKey]) -> list[RingKey]:
        """Return the keys of the rows that are not revoked."""
        return [self.open(row) for row in rows if row.revoked_at is None]

    def open(self, row: SigningKey) -> RingKey:
        """Return the key of a row. It can only verify if nothing that this process has opens it."""
        if row.kid == SECRET:
            return RingKey(None, row.sign_from)
        # What was opened once stays open, also if a process with another secret encrypts it anew.
        if (pair := self._opened.get(row.kid)) is not None:
            return RingKey(pair, row.sign_from)
        from jwtapi.security.key_pairs import public_key_of  # noqa: PLC0415  10 MB that HS256 does not need

        if row.encrypted_private is not None and (pair := self._decrypt(row.kid, row.encrypted_private)) is not None:
            self._opened[row.kid] = pair
            return RingKey(pair, row.sign_from)
        return RingKey(public_key_of(row.public_jwk), row.sign_from, is_foreign=row.encrypted_private is not None)

    def encrypt(self, pair: "KeyPair") -> bytes:
        self._opened[pair.kid] = pair
        return pair.encrypted(self._secrets[0])

    def is_outdated(self, row: SigningKey) -> bool:
        """Return whether the previous REFRESH_SECRET has encrypted the row."""
        pair = self._opened.get(row.kid)
        return (
            pair is not None
            and row.encrypted_private is not None
            and not pair.is_encrypted_under(self._secrets[0], row.encrypted_private)
        )

    def forget_all_but(self, rows: Iterable[SigningKey]) -> None:
        kids = {row.kid for row in rows} | {pair.kid for pair in self.given}
        # A copy, because another thread may open a key meanwhile.
        self._opened = {kid: pair for kid, pair in self._opened.copy().items() if kid in kids}

    def _decrypt(self, kid: str, encrypted: bytes) -> "KeyPair | None":
        from jwtapi.security.encryption import WrongSecret  # noqa: PLC0415  as above
        from jwtapi.security.key_pairs import decrypted_key_pair  # noqa: PLC0415

        if self._closed.get(kid) == encrypted:
            return None
        for secret in self._secrets:
            try:
                return decrypted_key_pair(kid, encrypted, secret)
            except WrongSecret:
                self._closed[kid] = encrypted
        return None


def given_key_pairs(settings: Settings) -> Sequence["KeyPair"]:
    """Read SIGNING_KEY.

    Raises:
        SettingsError: it is unusable.
    """
    if settings.signing_key is None:
        return ()
    from jwtapi.security.key_pairs import UnusableKey, key_pairs_of_pem  # noqa: PLC0415  as above

    try:
        pairs = key_pairs_of_pem(settings.signing_key.get_secret_value())
    except UnusableKey as error:
        raise SettingsError([f"SIGNING_KEY: {error}"]) from None
    for number, pair in enumerate(pairs, start=1):
        if pair.algorithm != settings.signing_algorithm:
            raise SettingsError([f"SIGNING_KEY: {wrong_kind(pair, settings.signing_algorithm)} (key {number})"])
    return pairs


def wrong_kind(pair: "KeyPair", algorithm: SigningAlgorithm) -> str:
    return f"is a key for {pair.algorithm}, and SIGNING_ALGORITHM is {algorithm}"
