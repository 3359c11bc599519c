"""Lets people register, as REGISTRATION and EMAIL_REQUIRED allow."""

from collections.abc import Awaitable, Callable

from jwtapi.caller import Caller
from jwtapi.features.login.errors import EmailRequired, InvitationRequired
from jwtapi.mail.outbox import Outbox
from jwtapi.security.email_addresses import parse_email
from jwtapi.settings import Registration, Settings
from jwtapi.storage.users import User
from jwtapi.users.errors import RegistrationClosed
from jwtapi.users.invitations import InvitationService
from jwtapi.users.service import UserService


class RegistrationService:
    def __init__(self, settings: Settings, users: UserService, invitations: InvitationService, outbox: Outbox) -> None:
        self._registration = settings.registration
        self._email_required = settings.email_required
        self._users = users
        self._invitations = invitations
        self._outbox = outbox

    async def register(  # noqa: PLR0913  the optional parts have names
        self,
        username: str,
        password: str,
        caller: Caller,
        *,
        email: str | None,
        invitation: str | None,
        admit: Callable[[], Awaitable[None]],
    ) -> User:
        """Store a new user, as `UserService.register` does. `invitation` is the token of its link.

        Raises:
            RegistrationClosed, InvitationRequired: REGISTRATION does not allow it.
            LinkInvalid, LinkExpired: the invitation is not valid.
            EmailRequired, EmailInvalid: the address is missing, or is none.
            MailUnavailable: nobody can verify an address.
            and what `UserService.register` raises
        """
        if self._registration is Registration.CLOSED:
            raise RegistrationClosed
        if not invitation and self._registration is Registration.INVITE:
            raise InvitationRequired
        if not invitation and not email and self._email_required:
            raise EmailRequired
        if not invitation and email:
            self._outbox.require()
        claims = self._invitations.read(invitation) if invitation else None
        address = parse_email(email) if email else None
        return await self._users.register(username, password, caller, email=address, invitation=claims, admit=admit)
