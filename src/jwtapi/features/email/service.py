"""Gives accounts their verified addresses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from jwtapi import audit
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.features.email.errors import SignInRequired
from jwtapi.features.email.events import EMAIL_CHANGE_UNDONE, EMAIL_CHANGED, EMAIL_ENTERED, EMAIL_VERIFIED
from jwtapi.features.email.limits import EMAIL_CHANGE
from jwtapi.mail.notices import Notices
from jwtapi.mail.outbox import Outbox
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.security.email_addresses import EmailAddress, EmailInvalid, parse_email
from jwtapi.security.link_tokens import LinkClaims, LinkPurpose, LinkTokens
from jwtapi.sessions.service import SessionService
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import DuplicateEmail, User
from jwtapi.users.errors import EmailTaken, LinkInvalid
from jwtapi.users.limits import EMAIL_RECIPIENT, key_of
from jwtapi.users.links import read_link
from jwtapi.users.mails import VERIFY_EMAIL
from jwtapi.users.pending_email import pending_email_of

UNDO_PERIOD = timedelta(days=7)


class EmailService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        outbox: Outbox,
        notices: Notices,
        sessions: SessionService,
        tokens: LinkTokens,
        limiter: RateLimiter,
        factor_changes: FactorChanges,
        api_keys: ApiKeyService,
        clock: Clock,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._notices = notices
        self._sessions = sessions
        self._tokens = tokens
        self._limiter = limiter
        self._factor_changes = factor_changes
        self._api_keys = api_keys
        self._clock = clock

    async def change(self, principal: Principal, email: str, caller: Caller) -> bool:
        """Let the address wait for verification, and send a mail to it. Nothing depends on whether somebody has it.

        Return False if the user has already verified it. Then no address waits, and no mail is sent.

        Raises:
            EmailInvalid
            MailUnavailable: no mail is sent here.
            TooManyRequests: the user has entered too many addresses, or users have entered this one too often.
            AccessTokenInvalid: the session has just ended, or the user has been disabled or deleted.
        """
        address = parse_email(email)
        self._outbox.require()
        await self._limiter.spend(EMAIL_CHANGE, str(principal.user_id))
        await self._limiter.spend(EMAIL_RECIPIENT, key_of(address))
        waits = await self._database.write(partial(self._change, principal=principal, address=address, caller=caller))
        self._outbox.wake()
        return waits

    def _change(self, uow: UnitOfWork, *, principal: Principal, address: EmailAddress, caller: Caller) -> bool:
        user = lock_user(uow, principal, self._clock())
        if address.canonical == user.canonical_email:
            uow.users.set_pending_email(user.id, None)
            return False
        uow.users.set_pending_email(user.id, address.display)
        self._record(uow, EMAIL_ENTERED, user, caller)
        self._outbox.add(
            uow,
            VERIFY_EMAIL,
            at=self._clock(),
            user_id=user.id,
            recipient=address.display,
            language=caller.language,
        )
        return True

    async def verify(self, token: str, verifier: Principal | None, caller: Caller) -> str:
        """Make the address that waits the user's address, and return the user name.

        Every session ends, except that of the verifier, if the verifier is signed in as this user. If the verifier is
        not, and the account had no address, all second factors, passkeys and API keys go.

        Raises:
            LinkInvalid, LinkExpired
            SignInRequired: the user has an address, and the verifier is not signed in as this user. Otherwise somebody
                could enter a victim's address in an account that has another one, let the victim confirm it and use the
                account, and undo the change.
            EmailTaken: another user was first to verify the address.
        """
        return await self._consume(
            token, LinkPurpose.VERIFY_EMAIL, partial(self._verify, verifier=verifier, caller=caller)
        )

    def _verify(
        self, uow: UnitOfWork, user: User, claims: LinkClaims, *, verifier: Principal | None, caller: Caller
    ) -> str | SignInRequired | None:
        pending = pending_email_of(user)
        if pending is None or not self._tokens.is_right(claims, pending.link_state):
            return None
        own = verifier if verifier is not None and verifier.user_id == user.id else None
        if user.email is not None and own is None:
            return SignInRequired()
        former, until = user.former_email, user.former_email_until
        # A thief may change the address twice. So the first change can still be undone after the second one.
        if until is None or until <= self._clock():
            former, until = user.email, self._clock() + UNDO_PERIOD if user.email is not None else None
        uow.users.change_email(
            user.id,
            email=pending.address.display,
            canonical_email=pending.address.canonical,
            former_email=former,
            former_email_until=until,
        )
        self._record(uow, EMAIL_VERIFIED if user.email is None else EMAIL_CHANGED, user, caller)
        if user.email is not None:
            self._notices.email_changed(uow, user, caller)
        elif own is None:
            # Whoever has prepared the account for the owner of the address may have a passkey or an API key, which need
            # no password.
            verified = replace(user, email=pending.address.display, canonical_email=pending.address.canonical)
            self._factor_changes.reset(uow, verified, caller, spares_only_way_in=False)
            self._api_keys.revoke_all(uow, user.id, caller)
        self._sessions.end_all(uow, user.id, caller, keep=own.session_id if own is not None else None)
        return user.username

    async def undo(self, token: str, caller: Caller) -> None:
        """Restore the former address, end every session, and remove the password, all factors, passkeys and API keys.

        Raises:
            LinkInvalid, LinkExpired
            EmailTaken: another user has verified the former address meanwhile.
        """
        await self._consume(token, LinkPurpose.UNDO_EMAIL, partial(self._undo, caller=caller))

    def _undo(self, uow: UnitOfWork, user: User, claims: LinkClaims, *, caller: Caller) -> str | None:
        former, until = user.former_email, user.former_email_until
        if former is None or until is None or until <= self._clock() or not user.may_sign_in:
            return None
        if not self._tokens.is_right(claims, user.undo_state):
            return None
        try:
            canonical = parse_email(former).canonical
        except EmailInvalid:  # an earlier version accepted it
            return None
        uow.users.change_email(
            user.id, email=former, canonical_email=canonical, former_email=None, former_email_until=None
        )
        uow.users.change_password(user.id, None)
        self._record(uow, EMAIL_CHANGE_UNDONE, user, caller)
        # Otherwise a passkey or an API key would let in again whoever changed the address, and another factor keep out
        # the owner.
        restored = replace(user, email=former, canonical_email=canonical, password_hash=None)
        self._factor_changes.reset(uow, restored, caller, spares_only_way_in=False)
        self._api_keys.revoke_all(uow, user.id, caller)
        self._sessions.end_all(uow, user.id, caller)
        return user.username

    async def _consume(
        self,
        token: str,
        purpose: LinkPurpose,
        use: Callable[[UnitOfWork, User, LinkClaims], str | SignInRequired | None],
    ) -> str:
        """Use a link once, and return the user name. `use` gets the locked user, and returns None for a wrong link."""
        claims = read_link(token, purpose, self._clock())

        def unit(uow: UnitOfWork) -> str | SignInRequired | None:
            # The lock makes a second request with the same link wait. Then the state is another one, and the link void.
            user = uow.users.get_for_update(claims.subject)
            return use(uow, user, claims) if user is not None else None

        try:
            outcome = await self._database.write(unit)
        except DuplicateEmail:
            raise EmailTaken from None
        if outcome is None:
            raise LinkInvalid
        if isinstance(outcome, SignInRequired):
            raise outcome
        self._outbox.wake()
        return outcome

    def _record(self, uow: UnitOfWork, type_: EventType, user: User, caller: Caller) -> None:
        uow.events.add(audit.event(type_, at=self._clock(), caller=caller, user_id=user.id))
