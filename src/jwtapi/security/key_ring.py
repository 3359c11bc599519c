"""The keys of access tokens in this process: JWT_SECRET, and the key pairs that the database has.

The clock decides which key signs and which keys verify, so nothing has to happen at the moment when one takes over.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from jwtapi.clock import Clock
from jwtapi.errors import StorageUnavailable
from jwtapi.security.secret_keys import SecretKeys
from jwtapi.security.signed_tokens import Key
from jwtapi.settings import LEEWAY_SECONDS, SigningAlgorithm

if TYPE_CHECKING:
    from jwtapi.security.key_pairs import KeyPair

NEVER = datetime.max.replace(tzinfo=UTC)


class RingKey(NamedTuple):
    pair: "KeyPair | None"
    """None stands for JWT_SECRET."""
    sign_from: datetime
    """From when on it signs, until a newer key does."""
    is_foreign: bool = False
    """Whether only processes with another REFRESH_SECRET can sign with it."""

    @property
    def kid(self) -> str:
        """That of the row. Tokens of JWT_SECRET have none."""
        return self.pair.kid if self.pair is not None else SigningAlgorithm.HS256.value

    @property
    def algorithm(self) -> str:
        return self.pair.algorithm if self.pair is not None else SigningAlgorithm.HS256.value

    @property
    def can_sign(self) -> bool:
        return self.pair is None or self.pair.can_sign


class Term(NamedTuple):
    """How long a key is valid."""

    key: RingKey
    ends: datetime
    """From then on it verifies nothing."""

    def signs(self, now: datetime) -> bool:
        """Return whether this process can sign with it now, if it has no newer one."""
        return self.key.can_sign and self.key.sign_from <= now < self.ends


class KeyRing:
    def __init__(
        self,
        secrets: SecretKeys,
        clock: Clock,
        *,
        token_lifetime: timedelta,
        begins_with_secret: bool,
        max_age: timedelta = timedelta(days=90),
    ) -> None:
        """`begins_with_secret`: until keys are loaded, JWT_SECRET signs and verifies. Otherwise nothing does.

        `max_age`: how long a foreign key verifies if no other one replaces it.
        """
        self._secrets = secrets
        self._clock = clock
        self._max_age = max_age
        self.overlap = token_lifetime + timedelta(seconds=LEEWAY_SECONDS)
        """How long a key verifies after its successor has begun to sign."""
        self._relies_on_secret = begins_with_secret
        self._terms: dict[str, Term] = {}

    def replace(self, keys: Iterable[RingKey]) -> None:
        """Take these keys in place of the present ones. Leave out those that were revoked."""
        self._relies_on_secret = False
        self._take(self.terms_of(keys))

    def revoke(self, kid: str) -> None:
        """Forget the key of this row: from now on it neither signs nor verifies."""
        now = self._clock()
        # What it had replaced for good stays replaced.
        left = [term.key for term in self._terms.values() if term.key.kid != kid and now < term.ends]
        self._take(self.terms_of(left))

    def terms_of(self, keys: Iterable[RingKey]) -> list[Term]:
        """Return the terms of keys, the newest first.

        A foreign key neither replaces one of ours nor is replaced by one. Otherwise a single process with a wrong
        REFRESH_SECRET would take their key from all others.
        """
        terms = []
        replaced_at = {True: NEVER, False: NEVER}
        for key in sorted(keys, key=lambda each: (each.sign_from, each.kid), reverse=True):
            end = replaced_at[key.is_foreign]
            if key.is_foreign:  # those processes would have replaced it by then
                end = min(end, key.sign_from + self._max_age)
            terms.append(Term(key, min(end, NEVER - self.overlap) + self.overlap))
            replaced_at[key.is_foreign] = key.sign_from
        return terms

    def signing_key(self) -> Key:
        """Return the newest key whose time has come, of those with which this process can sign.

        Raises:
            StorageUnavailable: there is none, because none are loaded, or because it was revoked a moment ago.
        """
        if self._relies_on_secret:
            return self._secrets.signing_key()
        now = self._clock()
        for term in self._terms.values():
            if term.signs(now):
                return term.key.pair or self._secrets.signing_key()
        raise StorageUnavailable

    def verifying_keys(self, kid: str | None) -> Sequence[Key]:
        """Return the keys that may have signed a token with this `kid`.

        Raises:
            StorageUnavailable: no keys are loaded.
        """
        if self._relies_on_secret and kid is None:
            return self._secrets.verifying_keys(None)
        if not self._terms:
            raise StorageUnavailable
        term = self._terms.get(kid if kid is not None else SigningAlgorithm.HS256)
        if term is None or self._clock() >= term.ends:
            return ()
        if term.key.pair is None:
            return self._secrets.verifying_keys(kid)
        return (term.key.pair,)

    def next_end(self) -> datetime:
        """Return when the next of the present keys ends."""
        now = self._clock()
        return min((term.ends for term in self._terms.values() if now < term.ends), default=NEVER)

    def published(self) -> list[dict[str, Any]]:
        """Return the JWK of each key pair that verifies now, or will, the newest first.

        Raises:
            StorageUnavailable: no keys are loaded.
        """
        if not self._terms and not self._relies_on_secret:
            raise StorageUnavailable
        now = self._clock()
        return [dict(key.pair.public_jwk) for key, ends in self._terms.values() if key.pair is not None and now < ends]

    @property
    def has_pairs(self) -> bool:
        return any(term.key.pair is not None for term in self._terms.values())

    def _take(self, terms: Iterable[Term]) -> None:
        self._terms = {term.key.kid: term for term in terms}
