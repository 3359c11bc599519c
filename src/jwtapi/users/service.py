"""Creates users, and hashes new passwords."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from uuid import uuid4

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.mail.outbox import Outbox
from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.email_addresses import EmailAddress
from jwtapi.security.link_tokens import LinkClaims
from jwtapi.security.password_policy import PasswordPolicy
from jwtapi.security.passwords import PasswordHasher
from jwtapi.security.usernames import UsernamePolicy, parse_username
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import DuplicateEmail, DuplicateUsername, User
from jwtapi.users.errors import EmailDiffers, EmailTaken, IsServiceAccount, LinkInvalid, UsernameTaken
from jwtapi.users.events import USER_CREATED, USER_REGISTERED
from jwtapi.users.held_names import HeldNames
from jwtapi.users.invitations import InvitationService, Invited
from jwtapi.users.limits import EMAIL_RECIPIENT, key_of
from jwtapi.users.mails import PASSWORD_RESET, VERIFY_EMAIL
from jwtapi.users.metadata import parse_metadata
from jwtapi.users.roles import parse_roles


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
    def __init__(  # noqa: PLR0913, PLR0917  creating users needs all of them
        self,
        database: Database,
        usernames: UsernamePolicy,
        held_names: HeldNames,
        passwords: NewPasswords,
        invitations: InvitationService,
        outbox: Outbox,
        limiter: RateLimiter,
        metrics: Metrics,
        clock: Clock,
        *,
        token_claims: Collection[str] = (),
    ) -> None:
        """`token_claims` are the names of the members of metadata that access tokens contain."""
        self._database = database
        self._token_claims = token_claims
        self._usernames = usernames
        self._held_names = held_names
        self._passwords = passwords
        self._invitations = invitations
        self._outbox = outbox
        self._limiter = limiter
        self._metrics = metrics
        self._clock = clock

    async def register(  # noqa: PLR0913  the optional parts have names
        self,
        username: str,
        password: str,
        caller: Caller,
        *,
        email: EmailAddress | None = None,
        invitation: LinkClaims | None = None,
        roles: Sequence[str] = (),
        may_be_reserved: bool = False,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> User:
        """Store a new user. `admit` is called after the cheap checks of the input, before any work and any query.

        `email` waits until a link that is sent to it verifies it. An `invitation` has an address and roles of its own.
        It is used up only if the user is stored.

        Raises:
            UsernameInvalid, UsernameReserved, UsernameTaken: the name cannot be used.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
            LinkInvalid: the invitation is forged, void or used.
            EmailDiffers: the invitation is for another address.
            EmailTaken: another user has verified the invited address.
            TooManyRequests: people have entered this address too often.
            Overloaded: too many hashes are waiting.
        """
        name = parse_username(username)
        self._usernames.check(name, may_be_reserved=may_be_reserved)
        self._passwords.check_length(password)
        if admit is not None:
            await admit()
        invited, is_free = await self._database.read(
            lambda uow: (
                self._invitations.find(uow, invitation) if invitation is not None else None,
                self._held_names.is_free(uow, name.canonical),
            )
        )
        # This comes first: without an invitation, nobody finds out which names are taken.
        if invitation is not None:
            _check_invited(invited, email)
        # This only avoids a useless hash. The unit below decides.
        if not is_free:
            raise UsernameTaken
        verified = invited.address if invited is not None and invited.is_verified else None
        pending = self._pending(email, invited)
        password_hash = await self._passwords.hash(password, username=name.display)
        if pending is not None:  # last, so that only a registration that would send a mail counts
            await self._limiter.spend(EMAIL_RECIPIENT, key_of(pending))
        user = User(
            id=uuid4(),
            username=name.display,
            canonical_username=name.canonical,
            password_hash=password_hash,
            roles=list(invited.roles if invited is not None else roles),
            settings={},
            created_at=self._clock(),
            disabled_at=None,
            email=verified.display if verified is not None else None,
            canonical_email=verified.canonical if verified is not None else None,
            pending_email=pending.display if pending is not None else None,
            security_stamp=secrets.token_bytes(16),
        )
        if not await self._add(user, caller, USER_REGISTERED, invited=invited):
            raise LinkInvalid
        self._metrics.count_registration()
        return user

    async def create(  # noqa: PLR0913  the optional parts have names
        self,
        username: str,
        password: str | None,
        caller: Caller,
        *,
        email: EmailAddress | None = None,
        email_is_verified: bool = False,
        roles: Iterable[str] = (),
        metadata: object = None,
        is_service_account: bool = False,
        sends_link: bool = False,
        admit: Callable[[UnitOfWork], object] | None = None,
    ) -> User:
        """Store a user whom an administrator makes. REGISTRATION and RESERVED_USERNAMES do not matter.

        Without a password, the user can sign in after a reset link or by nothing. An address that is not verified waits
        until a link that is sent to it verifies it, as in `register`. `metadata` None means none. With `sends_link`, a
        link to set a password is sent to the verified address. `admit` is called first in the unit, and raises an error
        if the user must not be stored.

        Raises:
            UsernameInvalid, UsernameTaken: the name cannot be used.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password.
            RolesInvalid, MetadataInvalid: as `parse_roles` and `parse_metadata`.
            IsServiceAccount: a service account has neither password nor address.
            EmailTaken: another user has verified the address.
            MailUnavailable: a mail would be sent to the address, but none is sent.
            TooManyRequests: people have entered this address too often.
            Overloaded: too many hashes are waiting.
        """
        name = parse_username(username)
        self._usernames.check(name, may_be_reserved=True)
        if is_service_account and (password is not None or email is not None):
            raise IsServiceAccount
        parsed_roles = parse_roles(roles)
        parsed_metadata = parse_metadata(metadata if metadata is not None else {}, self._token_claims)
        if password is not None:
            self._passwords.check_length(password)
        pending = email if not email_is_verified else None
        recipient = email if sends_link else pending
        if recipient is not None:
            self._outbox.require()
        # This only avoids useless work. The unit below decides.
        if not await self._database.read(lambda uow: self._held_names.is_free(uow, name.canonical)):
            raise UsernameTaken
        password_hash = await self._passwords.hash(password, username=name.display) if password is not None else None
        if recipient is not None:
            await self._limiter.spend(EMAIL_RECIPIENT, key_of(recipient))
        verified = email if email_is_verified else None
        user = User(
            id=uuid4(),
            username=name.display,
            canonical_username=name.canonical,
            password_hash=password_hash,
            roles=parsed_roles,
            settings={},
            created_at=self._clock(),
            disabled_at=None,
            email=verified.display if verified is not None else None,
            canonical_email=verified.canonical if verified is not None else None,
            pending_email=pending.display if pending is not None else None,
            security_stamp=secrets.token_bytes(16),
            metadata=parsed_metadata,
            is_service_account=is_service_account,
        )
        await self._add(user, caller, USER_CREATED, admit=admit, sends_link=sends_link and verified is not None)
        return user

    async def _add(  # noqa: PLR0913  the optional parts have names
        self,
        user: User,
        caller: Caller,
        type_: EventType,
        *,
        invited: Invited | None = None,
        admit: Callable[[UnitOfWork], object] | None = None,
        sends_link: bool = False,
    ) -> bool:
        """Return False if somebody else has used the invitation meanwhile, or if it was replaced."""
        registered = audit.event(type_, at=user.created_at, caller=caller, user_id=user.id)

        def add(uow: UnitOfWork) -> bool:
            if admit is not None:
                admit(uow)
            if invited is not None and not uow.invitations.use(invited.invitation_id, user.created_at):
                return False
            uow.users.add(user)
            # Its owner may have deleted the account since the name was looked up.
            if self._held_names.is_held(uow, user.canonical_username):
                raise UsernameTaken
            uow.events.add(registered)
            if user.pending_email is not None:
                # Whether somebody has the address is looked up when the mail is sent, so that no request shows it.
                self._outbox.add(
                    uow,
                    VERIFY_EMAIL,
                    at=user.created_at,
                    user_id=user.id,
                    recipient=user.pending_email,
                    language=caller.language,
                )
            if sends_link:
                self._outbox.add(uow, PASSWORD_RESET, at=user.created_at, user_id=user.id, language=caller.language)
            return True

        try:
            is_added = await self._database.write(add)
        except DuplicateUsername:
            raise UsernameTaken from None
        except DuplicateEmail:
            raise EmailTaken from None
        if is_added and (sends_link or user.pending_email is not None):
            self._outbox.wake()
        return is_added

    def _pending(self, email: EmailAddress | None, invited: Invited | None) -> EmailAddress | None:
        """Return the address that waits. None does if no mail is sent, because none could be verified."""
        address = invited.address if invited is not None else email
        if address is None or (invited is not None and invited.is_verified) or not self._outbox.is_on:
            return None
        return address


def _check_invited(invited: Invited | None, email: EmailAddress | None) -> None:
    if invited is None:
        raise LinkInvalid
    if email is not None and email.canonical != invited.address.canonical:
        raise EmailDiffers
