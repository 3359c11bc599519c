"""Creates users, and hashes new passwords."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.metrics import Metrics
from jwtapi.security.password_policy import PasswordPolicy
from jwtapi.security.passwords import PasswordHasher
from jwtapi.security.usernames import UsernamePolicy, parse_username
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import DuplicateUsername, User
from jwtapi.users.errors import UsernameTaken
from jwtapi.users.events import USER_REGISTERED


class NewPasswords:
    """Accepts and hashes the passwords that people choose."""

    def __init__(self, policy: PasswordPolicy, hasher: PasswordHasher) -> None:
        self._policy = policy
        self._hasher = hasher

    def check_length(self, password: str) -> None:
        """Check the length, so that `hash` need not be called for a password of a wrong length.

        Raises:
            PasswordTooShort, PasswordTooLong
        """
        self._policy.check_length(password)

    async def hash(self, password: str, *, username: str) -> str:
        """Check the password against the policy and hash it, both off the event loop.

        Raises:
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses it.
            Overloaded: too many hashes are waiting.
        """
        return await self._hasher.hash(password, after=lambda: self._policy.check(password, username=username))


class UserService:
    def __init__(
        self, database: Database, usernames: UsernamePolicy, passwords: NewPasswords, metrics: Metrics, clock: Clock
    ) -> None:
        self._database = database
        self._usernames = usernames
        self._passwords = passwords
        self._metrics = metrics
        self._clock = clock

    async def register(  # noqa: PLR0913  the optional parts have names
        self,
        username: str,
        password: str,
        caller: Caller,
        *,
        roles: Sequence[str] = (),
        may_be_reserved: bool = False,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> User:
        """Store a new user. `admit` is called after the cheap checks of the input, before any work and any query.

        Raises:
            UsernameInvalid, UsernameReserved, UsernameTaken: the name cannot be used.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
            Overloaded: too many hashes are waiting.
        """
        name = parse_username(username)
        self._usernames.check(name, may_be_reserved=may_be_reserved)
        self._passwords.check_length(password)
        if admit is not None:
            await admit()
        # This only avoids a useless hash. The unique constraint decides below.
        if await self._database.read(lambda uow: uow.users.by_name(name.canonical)) is not None:
            raise UsernameTaken
        user = User(
            id=uuid4(),
            username=name.display,
            canonical_username=name.canonical,
            password_hash=await self._passwords.hash(password, username=name.display),
            roles=list(roles),
            settings={},
            created_at=self._clock(),
            disabled_at=None,
        )
        registered = audit.event(USER_REGISTERED, at=user.created_at, caller=caller, user_id=user.id)

        def add(uow: UnitOfWork) -> None:
            uow.users.add(user)
            uow.events.add(registered)

        try:
            await self._database.write(add)
        except DuplicateUsername:
            raise UsernameTaken from None
        self._metrics.count_registration()
        return user
