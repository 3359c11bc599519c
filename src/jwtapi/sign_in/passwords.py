"""Proves that a caller is a user, with password and user name or verified e-mail address."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import TooManyRequests
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.passwords import Overloaded, PasswordHasher
from jwtapi.sign_in.errors import InvalidCredentials, WrongPassword
from jwtapi.sign_in.events import LOGIN_FAILED
from jwtapi.sign_in.limits import FAILED_LOGINS, WRONG_PASSWORDS
from jwtapi.sign_in.proof import AuthenticationMethod, Proof
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.logins import Login, parse_login

_DEVICE = "device:"
"""The buckets of devices that have signed in with the present password before."""


def is_of_device(bucket: str) -> bool:
    """Return whether the bucket is that of a device that had signed in before."""
    return bucket.startswith(_DEVICE)


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
        self,
        username: str,
        password: str,
        caller: Caller,
        device_tokens: Sequence[str] = (),
        remembered_devices: Sequence[str] = (),
    ) -> "PasswordProof":
        """Check the password. `username` may be a verified address. An unknown user takes the same work as a known one.

        Raises:
            InvalidCredentials: unknown user, wrong password or disabled user.
            TooManyRequests: too many attempts on this account failed.
            Overloaded: too many hashes are waiting.
        """
        login = parse_login(username)
        user = await self._database.read(login.user)
        attempt = _Attempt(password, self._bucket(login, user, device_tokens), caller, remembered_devices)
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
            if user is not None and matches and user.may_sign_in:
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

    async def has_password(self, user_id: UUID) -> bool:
        user = await self._database.read(lambda uow: uow.users.get(user_id))
        return user is not None and user.password_hash is not None

    async def confirm(self, user_id: UUID, password: str | None, caller: Caller) -> User:
        """Check the password of a signed-in user, and return the user as stored when it was checked.

        None is right for a user who has none. Then something else must show that it is the user: a recent sign-in.

        Compare what matters again in the unit that changes something: the password may have changed meanwhile.

        Raises:
            WrongPassword: wrong password; or the user has none, or was disabled or deleted.
            TooManyRequests: too many attempts on this account failed.
            Overloaded: too many hashes are waiting.
        """
        if password is None:
            return await self._without_password(user_id)
        await self._limiter.spend(WRONG_PASSWORDS, str(user_id))
        user = await self._database.read(lambda uow: uow.users.get(user_id))
        matches = await self._hasher.verify(password, user.password_hash if user is not None else None)
        if user is None or not matches or not user.may_sign_in:
            await self._record_failure(user, caller)
            raise WrongPassword
        await self._limiter.clear(WRONG_PASSWORDS, str(user_id))
        return user

    async def _without_password(self, user_id: UUID) -> User:
        user = await self._database.read(lambda uow: uow.users.get(user_id))
        if user is None or user.password_hash is not None or not user.may_sign_in:
            raise WrongPassword
        return user

    async def forget_failures_of(self, user_id: UUID) -> None:
        """Forget the failures on an account that has a new password: people who forgot theirs have tried others."""
        await self._limiter.clear(FAILED_LOGINS, f"user:{user_id}")

    async def prove_again(self, user_id: UUID, password: str, caller: Caller) -> "RepeatedPasswordProof":
        """Check the password of a signed-in user as `confirm` does.

        Raises:
            WrongPassword, TooManyRequests, Overloaded: as `confirm`.
        """
        user = await self.confirm(user_id, password, caller)
        return RepeatedPasswordProof(user, self._clock())

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

    def _bucket(self, login: Login, user: User | None, device_tokens: Sequence[str]) -> str:
        """Return the bucket that counts a failed attempt.

        It is that of the device, if the device signed in with the present password before. Else it is that of the user,
        whether the name or the address was typed, or of the typed text, if no user has it.
        """
        # A login without a user takes the same steps, so that their time does not show whether there is a user.
        user_id, password_hash = (user.id, user.password_hash) if user is not None else (None, None)
        by_name = f"name:{login.key}"
        now = self._clock()
        for device_token in device_tokens:
            device = self._device_tokens.device_of(device_token, user_id, password_hash, now)
            if device is not None:
                return f"{_DEVICE}{device}"
        return f"user:{user_id}" if user_id is not None else by_name


@dataclass(frozen=True, slots=True)
class _Attempt:
    password: str = field(repr=False)
    bucket: str
    caller: Caller
    remembered_devices: Sequence[str] = field(repr=False)


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

    @property
    def new_device_of(self) -> User | None:  # type: ignore[override]  # read-only here
        return self.user if not is_of_device(self.attempt.bucket) else None

    @property
    def bucket(self) -> str | None:  # type: ignore[override]  # read-only here
        return self.attempt.bucket

    @property
    def remembered_devices(self) -> Sequence[str]:  # type: ignore[override]  # read-only here
        return self.attempt.remembered_devices

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


@dataclass(frozen=True, slots=True)
class RepeatedPasswordProof(Proof):
    """The password of a signed-in user was right. Nothing is left to count or to renew."""

    user: User
    """As stored when the password was checked."""
    proved_at: datetime
    methods: Sequence[AuthenticationMethod] = (AuthenticationMethod.PASSWORD,)

    @property
    def user_id(self) -> UUID:  # type: ignore[override]  # read-only here
        return self.user.id

    def accept(self, uow: UnitOfWork, user: User) -> User | None:  # noqa: ARG002  it writes nothing
        return user if user.password_hash == self.user.password_hash else None

    async def renewed(self, user: User) -> "RepeatedPasswordProof":  # noqa: ARG002
        raise WrongPassword

    async def session_opened(self) -> None: ...
