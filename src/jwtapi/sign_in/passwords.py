"""Proves that a caller is a user, with user name and password."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import TooManyRequests
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.passwords import Overloaded, PasswordHasher
from jwtapi.security.usernames import UsernameInvalid, parse_username
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.sign_in.events import LOGIN_FAILED
from jwtapi.sign_in.limits import FAILED_LOGINS
from jwtapi.sign_in.proof import AuthenticationMethod, Proof
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


class PasswordProver:
    def __init__(  # noqa: PLR0913, PLR0917  proving needs all of them
        self,
        database: Database,
        hasher: PasswordHasher,
        limiter: RateLimiter,
        device_tokens: DeviceTokens,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._limiter = limiter
        self._device_tokens = device_tokens
        self._metrics = metrics
        self._clock = clock

    async def prove(
        self, username: str, password: str, caller: Caller, device_tokens: Sequence[str] = ()
    ) -> "PasswordProof":
        """Check the password. An unknown user takes the same work as a known one.

        Raises:
            InvalidCredentials: unknown user, wrong password or disabled user.
            TooManyRequests: too many attempts on this account failed.
            Overloaded: too many hashes are waiting.
        """
        name = _canonical_name(username)
        user = await self._database.read(lambda uow: uow.users.by_name(name))
        attempt = _Attempt(password, self._bucket(name, user, device_tokens), caller)
        try:
            await self._limiter.spend(FAILED_LOGINS, attempt.bucket)
        except TooManyRequests:
            self._metrics.count_login(LoginOutcome.THROTTLED)
            raise
        return await self.check(attempt, user)

    async def check(self, attempt: "_Attempt", user: User | None) -> "PasswordProof":
        """Check the password of an attempt that was counted.

        Raises:
            InvalidCredentials, Overloaded: as `prove`.
        """
        try:
            # No connection and no lock is held during the hash.
            matches = await self._hasher.verify(attempt.password, user.password_hash if user is not None else None)
            if user is not None and matches and user.disabled_at is None:
                return PasswordProof(
                    prover=self,
                    attempt=attempt,
                    user=user,
                    proved_at=self._clock(),
                    new_hash=await self._upgraded_hash(user, attempt.password),
                )
        except Overloaded:
            self._metrics.count_login(LoginOutcome.OVERLOADED)
            raise
        await self._record_failure(user, attempt.caller)
        raise InvalidCredentials

    async def forget_failures(self, attempt: "_Attempt") -> None:
        await self._limiter.clear(FAILED_LOGINS, attempt.bucket)

    async def _upgraded_hash(self, user: User, password: str) -> str | None:
        """Return a new hash if the stored one has another scheme or cost than new hashes."""
        stored = user.password_hash
        return await self._hasher.hash(password) if stored is not None and self._hasher.needs_update(stored) else None

    async def _record_failure(self, user: User | None, caller: Caller) -> None:
        user_id = user.id if user is not None else None
        failure = audit.event(LOGIN_FAILED, at=self._clock(), caller=caller, user_id=user_id)
        await self._database.write(lambda uow: uow.events.add(failure), autocommit=True)
        self._metrics.count_login(LoginOutcome.FAILED)

    def _bucket(self, name: str, user: User | None, device_tokens: Sequence[str]) -> str:
        """Return the bucket that counts a failed attempt.

        It is that of the device, if the device signed in with the present password before. Else it is that of the user,
        or of the typed name, if no user has it.
        """
        # A name without a user takes the same steps, so that their time does not show whether there is a user.
        user_id, password_hash = (user.id, user.password_hash) if user is not None else (None, None)
        by_name = f"name:{sha256(name.encode()).hexdigest()}"
        now = self._clock()
        for device_token in device_tokens:
            device = self._device_tokens.device_of(device_token, user_id, password_hash, now)
            if device is not None:
                return f"device:{device}"
        return f"user:{user_id}" if user_id is not None else by_name


@dataclass(frozen=True, slots=True)
class _Attempt:
    password: str = field(repr=False)
    bucket: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class PasswordProof(Proof):
    """The password was right."""

    prover: PasswordProver
    attempt: _Attempt
    user: User
    """As stored when the password was checked."""
    proved_at: datetime
    new_hash: str | None = field(repr=False)
    methods: Sequence[AuthenticationMethod] = (AuthenticationMethod.PASSWORD,)

    @property
    def user_id(self) -> UUID:  # type: ignore[override]  # read-only here
        return self.user.id

    @property
    def unchanged_user(self) -> User | None:  # type: ignore[override]  # read-only here
        return self.user if self.new_hash is None else None

    def accept(self, uow: UnitOfWork, user: User) -> User | None:
        """Accept the proof unless the user has another hash now, and store the renewed hash."""
        if user.password_hash != self.user.password_hash:
            return None
        if self.new_hash is None:
            return user
        uow.users.set_password_hash(user.id, self.new_hash)
        return replace(user, password_hash=self.new_hash)

    async def renewed(self, user: User) -> "PasswordProof":
        return await self.prover.check(self.attempt, user)

    async def session_opened(self) -> None:
        await self.prover.forget_failures(self.attempt)


def _canonical_name(username: str) -> str:
    """Return the canonical name.

    For an invalid name, return one that no user can have and that any database can look up.
    """
    try:
        return parse_username(username).canonical
    except UsernameInvalid:
        return f" {sha256(username.encode()).hexdigest()}"
