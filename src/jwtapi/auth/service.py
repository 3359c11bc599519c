"""Registers users and signs them in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol
from uuid import uuid4

from jwtapi import audit
from jwtapi.auth.errors import InvalidCredentials, UsernameTaken
from jwtapi.client import Client
from jwtapi.errors import Overloaded, TooManyRequests
from jwtapi.metrics import LoginOutcome
from jwtapi.resources import Resources
from jwtapi.security.usernames import UsernameInvalid, parse_username
from jwtapi.sessions.service import IssuedTokens, SessionService
from jwtapi.storage.records import EventType, Session, User
from jwtapi.storage.repositories.users import DuplicateUsername
from jwtapi.storage.unit_of_work import UnitOfWork


class AccountLimits(Protocol):
    """Counts failed logins; a key is an account, or a device that signed in to it before."""

    async def admit_account(self, key: str) -> None: ...

    async def forget_account(self, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    tokens: IssuedTokens
    device_token: str = field(repr=False)
    """For this browser to show at its next login; see security/device_tokens.py."""


class AuthService:
    def __init__(self, resources: Resources, sessions: SessionService, limits: AccountLimits) -> None:
        self._resources = resources
        self._database = resources.database
        self._passwords = resources.passwords
        self._limits = limits
        self._sessions = sessions

    async def register(  # noqa: PLR0913  what is not always there has a name
        self,
        username: str,
        password: str,
        client: Client,
        *,
        roles: Sequence[str] = (),
        may_be_reserved: bool = False,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> User:
        """Store a new user. `admit` is asked when the form is right, before anything that costs or tells something.

        Raises:
            UsernameInvalid, UsernameReserved, UsernameTaken: the name cannot be had.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the password will not do.
            Overloaded: too many hashes are waiting.
        """
        name = parse_username(username)
        self._resources.username_policy.check(name, may_be_reserved=may_be_reserved)
        self._resources.password_policy.check_length(password)
        if admit is not None:
            await admit()
        async with self._database.read() as uow:
            # Only to spare a hash: what decides is the constraint, below.
            if await uow.users.by_name(name.canonical) is not None:
                raise UsernameTaken
        user = User(
            id=uuid4(),
            username=name.display,
            canonical_username=name.canonical,
            password_hash=await hash_new_password(self._resources, password, username=name.display),
            roles=list(roles),
            settings={},
            created_at=self._resources.clock(),
            disabled_at=None,
        )
        try:
            async with self._database.write() as uow:
                await uow.users.add(user)
                await audit.record(uow, EventType.USER_REGISTERED, at=user.created_at, client=client, user_id=user.id)
        except DuplicateUsername:
            raise UsernameTaken from None
        self._resources.metrics.count_registration()
        return user

    async def login(
        self, username: str, password: str, client: Client, device_tokens: tuple[str, ...] = ()
    ) -> SignedIn:
        """Check the password and open a session. The work is the same whether or not there is such a user.

        Raises:
            InvalidCredentials: unknown user, wrong password or disabled user.
            TooManyRequests: too many have failed on this account.
            Overloaded: too many hashes are waiting.
        """
        account = _account_name(username)
        async with self._database.read() as uow:
            user = await uow.users.by_name(account)
        bucket = self._bucket(account, user, device_tokens)
        try:
            await self._limits.admit_account(bucket)
        except TooManyRequests:
            self._resources.metrics.count_login(LoginOutcome.THROTTLED)
            raise
        while True:
            try:
                entrant, new_hash = await self._check(user, password)
            except Overloaded:
                self._resources.metrics.count_login(LoginOutcome.OVERLOADED)
                raise
            async with self._database.write() as uow:
                # Locked: whoever disables the user now waits, and then ends this session with the others.
                present = await uow.users.get_for_update(entrant.id) if entrant is not None else None
                if entrant is not None and present is not None and present.password_hash != entrant.password_hash:
                    # A new password, or this one, whose hash another login has renewed.
                    user = present
                    continue
                session = await self._open_session(uow, present, new_hash, client) if present is not None else None
                await audit.record(
                    uow,
                    EventType.LOGIN_FAILED if session is None else EventType.LOGIN_SUCCEEDED,
                    at=self._resources.clock(),
                    client=client,
                    user_id=user.id if user is not None else None,
                    session_id=session.id if session is not None else None,
                )
            break
        self._resources.metrics.count_login(LoginOutcome.FAILED if session is None else LoginOutcome.SUCCEEDED)
        if present is None or session is None:
            raise InvalidCredentials
        await self._limits.forget_account(bucket)
        password_hash = new_hash if new_hash is not None else present.password_hash
        return SignedIn(
            tokens=self._sessions.issue(session, present),
            device_token=self._resources.device_tokens.issue(account, password_hash, self._resources.clock()),
        )

    async def _check(self, user: User | None, password: str) -> tuple[User | None, str | None]:
        """The user, if this is the password and signing in allowed; and a hash of today's cost, if it has another."""
        # Neither a connection nor a lock is held meanwhile.
        matches = await self._passwords.verify(password, user.password_hash if user is not None else None)
        if user is None or not matches or user.disabled_at is not None:
            return None, None
        return user, await self._upgraded(user, password)

    async def _open_session(self, uow: UnitOfWork, user: User, new_hash: str | None, client: Client) -> Session | None:
        """Open a session, unless the user was disabled while the password was checked."""
        if user.disabled_at is not None:
            return None
        if new_hash is not None:
            await uow.users.set_password_hash(user.id, new_hash)
        return await self._sessions.open(uow, user, client)

    async def _upgraded(self, user: User, password: str) -> str | None:
        """A hash of today's scheme and cost, if the stored one is of another."""
        return await self._passwords.hash(password) if self._passwords.needs_update(user.password_hash) else None

    def _bucket(self, account: str, user: User | None, device_tokens: tuple[str, ...]) -> str:
        """What the attempt counts against: the device, if it has signed in with this password, else the account."""
        password_hash = user.password_hash if user is not None else ""
        now = self._resources.clock()
        for device_token in device_tokens:
            device = self._resources.device_tokens.device_of(device_token, account, password_hash, now)
            if device is not None:
                return f"device:{device}"
        return f"name:{sha256(account.encode()).hexdigest()}"


async def hash_new_password(resources: Resources, password: str, *, username: str) -> str:
    """Check the password against the policy and hash it, both off the event loop.

    Raises:
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: it will not do.
        Overloaded: too many hashes are waiting.
    """
    policy = resources.password_policy
    return await resources.passwords.hash(password, after=lambda: policy.check(password, username=username))


def _account_name(username: str) -> str:
    """The canonical name; for what can be no name, one that is no user's, and that any database can look up."""
    try:
        return parse_username(username).canonical
    except UsernameInvalid:
        return f" {sha256(username.encode()).hexdigest()}"
