"""Forgotten and new passwords."""

from uuid import UUID

from jwtapi import audit
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.features.password.limits import CHANGE, FORGOT_LOGIN
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.ways_in import LastWayIn, may_lose_the_password
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.link_tokens import LinkClaims, LinkPurpose, LinkTokens
from jwtapi.security.password_policy import PasswordRefused
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.errors import LinkInvalid
from jwtapi.users.events import PASSWORD_CHANGED, PASSWORD_REMOVED
from jwtapi.users.links import read_link
from jwtapi.users.logins import parse_login
from jwtapi.users.mails import PASSWORD_RESET
from jwtapi.users.service import NewPasswords


class ForgottenPasswords:
    """For people who are not signed in. No answer shows whether there is a user."""

    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        limiter: RateLimiter,
        outbox: Outbox,
        tokens: LinkTokens,
        passwords: NewPasswords,
        prover: PasswordProver,
        sessions: SessionService,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._database = database
        self._limiter = limiter
        self._outbox = outbox
        self._tokens = tokens
        self._passwords = passwords
        self._prover = prover
        self._sessions = sessions
        self._notices = notices
        self._clock = clock

    async def ask(self, login: str, caller: Caller) -> None:
        """Store a mail, whether or not anybody has the login. Who gets it is found when it is sent.

        Raises:
            MailUnavailable: no mail is sent.
            TooManyRequests: somebody has asked for this login too often.
        """
        self._outbox.require()
        parsed = parse_login(login)
        await self._limiter.spend(FORGOT_LOGIN, parsed.key)
        details = {"username": parsed.canonical_username, "email": parsed.canonical_email}
        await self._database.write(
            lambda uow: self._outbox.add(
                uow, PASSWORD_RESET, at=self._clock(), language=caller.language, details=details
            ),
            autocommit=True,
        )
        self._outbox.wake()

    async def reset(self, token: str, password: str, caller: Caller) -> None:
        """Set the password of the user whom the token is for, and end every session.

        Raises:
            LinkExpired, LinkInvalid: the token is too old, forged, void or used.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the password. The token remains.
            Overloaded: too many hashes are waiting.
        """
        claims = read_link(token, LinkPurpose.RESET_PASSWORD, self._clock())
        self._passwords.check_length(password)
        user = await self._database.read(lambda uow: uow.users.get(claims.subject))
        if user is None or not self._proves(claims, user):
            raise LinkInvalid
        password_hash = await self._passwords.hash(password, username=user.username)

        def reset(uow: UnitOfWork) -> bool:
            # Another request with the same token may have come first, or the user may have changed otherwise.
            user = uow.users.get_for_update(claims.subject)
            if user is None or not self._proves(claims, user):
                return False
            uow.users.change_password(user.id, password_hash)
            uow.events.add(_changed(user.id, self._clock, caller, by="link"))
            self._sessions.end_all(uow, user.id, caller)
            self._notices.password_changed(uow, user, caller)
            return True

        if not await self._database.write(reset):
            raise LinkInvalid
        self._outbox.wake()
        await self._prover.forget_failures_of(user.id)

    def _proves(self, claims: LinkClaims, user: User) -> bool:
        return self._tokens.is_right(claims, user.link_state) and user.may_sign_in


class PasswordService:
    """For the signed-in user."""

    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        limiter: RateLimiter,
        outbox: Outbox,
        passwords: NewPasswords,
        prover: PasswordProver,
        sessions: SessionService,
        device_tokens: DeviceTokens,
        notices: Notices,
        clock: Clock,
        *,
        rp_id: str | None,
    ) -> None:
        """`rp_id` is the domain of the passkeys that sign in here. None: passkeys do not."""
        self._database = database
        self._limiter = limiter
        self._outbox = outbox
        self._passwords = passwords
        self._prover = prover
        self._sessions = sessions
        self._device_tokens = device_tokens
        self._notices = notices
        self._clock = clock
        self._rp_id = rp_id

    async def change(self, principal: Principal, current: str | None, new: str, caller: Caller) -> str:
        """Set another password, end all other sessions, and return a new device token: the old ones are void now.

        `current` is None if there is none. Then the caller has checked that the sign-in is recent.

        Raises:
            WrongPassword: the current password is not `current`.
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: the policy refuses the new password.
            TooManyRequests: this user has tried too often.
            Overloaded: too many hashes are waiting.
        """
        try:
            self._passwords.check_length(new)
            await self._limiter.spend(CHANGE, str(principal.user_id))
            user = await self._prover.confirm(principal.user_id, current, caller)
            password_hash = await self._passwords.hash(new, username=user.username)
        except PasswordRefused as refusal:
            refusal.field = "newPassword"
            raise

        def change(uow: UnitOfWork) -> bool:
            locked = lock_user(uow, principal, self._clock())
            if locked.password_hash != user.password_hash:
                return False
            uow.users.change_password(user.id, password_hash)
            by = "password" if current is not None else "sign-in"
            uow.events.add(_changed(user.id, self._clock, caller, by=by))
            self._sessions.end_all(uow, user.id, caller, keep=principal.session_id)
            self._notices.password_changed(uow, locked, caller)
            return True

        # The loop ends, because it goes on only if the user was changed meanwhile. Mostly a login has renewed the hash.
        while not await self._database.write(change):
            user = await self._prover.confirm(principal.user_id, current, caller)
        self._outbox.wake()
        return self._device_tokens.issue(user.id, password_hash, self._clock())

    async def remove(self, principal: Principal, caller: Caller) -> None:
        """Take the password away, and end all other sessions.

        Raises:
            NotFound: there is none.
            LastWayIn: the user could not sign in without it, or not after the loss of the only passkey.
            AccessTokenInvalid: as `lock_user`.
        """

        def remove(uow: UnitOfWork) -> None:
            user = lock_user(uow, principal, self._clock())
            if user.password_hash is None:
                raise NotFound
            if not may_lose_the_password(uow, user, rp_id=self._rp_id, sends_mail=self._outbox.is_on):
                raise LastWayIn
            uow.users.change_password(user.id, None)
            uow.events.add(audit.event(PASSWORD_REMOVED, at=self._clock(), caller=caller, user_id=user.id))
            self._sessions.end_all(uow, user.id, caller, keep=principal.session_id)
            self._notices.password_removed(uow, user, caller)

        await self._database.write(remove)
        self._outbox.wake()


def _changed(user_id: UUID, clock: Clock, caller: Caller, *, by: str) -> Event:
    return audit.event(PASSWORD_CHANGED, at=clock(), caller=caller, user_id=user_id, details={"by": by})
