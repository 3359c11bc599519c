"""Invites people to register, and checks the links of invitations."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.mail.links import Links
from jwtapi.mail.outbox import Outbox
from jwtapi.security.email_addresses import EmailAddress
from jwtapi.security.link_tokens import LinkClaims, LinkPurpose, LinkTokens
from jwtapi.settings import Registration, Settings
from jwtapi.storage.database import Database
from jwtapi.storage.invitations import Invitation
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.users.errors import EmailTaken, RegistrationClosed
from jwtapi.users.events import USER_INVITED
from jwtapi.users.links import read_link
from jwtapi.users.mails import INVITATION

VALID_DAYS = 7


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link to an invitation proves."""

    invitation_id: UUID
    address: EmailAddress = field(repr=False)
    is_verified: bool
    """Whether the link came by mail, so that its holder reads the mails of the address."""
    roles: Sequence[str]


class InvitationService:
    def __init__(  # noqa: PLR0913, PLR0917  inviting needs all of them
        self, settings: Settings, database: Database, outbox: Outbox, tokens: LinkTokens, links: Links, clock: Clock
    ) -> None:
        self._is_closed = settings.registration is Registration.CLOSED
        self._database = database
        self._outbox = outbox
        self._tokens = tokens
        self._links = links
        self._clock = clock

    async def invite(
        self,
        address: EmailAddress,
        caller: Caller,
        *,
        roles: Sequence[str] = (),
        admit: Callable[[UnitOfWork], object] | None = None,
    ) -> str | None:
        """Invite somebody by mail, or return the link if this server sends no mail.

        The link registers one user within VALID_DAYS days. A former invitation of the same address is void. `admit` is
        called first in the unit, and raises an error if nobody may be invited.

        Raises:
            EmailTaken: a user has verified the address.
            RegistrationClosed: invitations have no effect.
            NoPages, NoPublicUrl: nobody could open the link.
        """
        if self._is_closed:
            raise RegistrationClosed
        self._links.require()
        now = self._clock()
        invitation = Invitation(
            id=uuid4(),
            key=secrets.token_bytes(32),
            email=address.display,
            canonical_email=address.canonical,
            roles=list(roles),
            created_at=now,
            expires_at=now + timedelta(days=VALID_DAYS),
        )
        details = {"invitation": str(invitation.id)}
        invited = audit.event(USER_INVITED, at=now, caller=caller, user_id=None, details=details)

        def add(uow: UnitOfWork) -> bool:
            if admit is not None:
                admit(uow)
            if uow.users.by_email(address.canonical) is not None:
                return False
            uow.invitations.put(invitation)
            uow.events.add(invited)
            self._outbox.add(uow, INVITATION, at=now, language=caller.language, details=details)
            return True

        if not await self._database.write(add):
            raise EmailTaken
        self._outbox.wake()
        return None if self._outbox.is_on else self._link_to_print(invitation)

    def read(self, token: str) -> LinkClaims:
        """Return what the token of a link says. It proves nothing until `find`.

        Raises:
            LinkInvalid, LinkExpired
        """
        return read_link(token, LinkPurpose.ACCEPT_INVITATION, self._clock())

    def find(self, uow: UnitOfWork, claims: LinkClaims) -> Invited | None:
        """Return the invitation that the token proves. None if the token is forged, or the invitation used or void."""
        invitation = uow.invitations.get(claims.subject)
        if invitation is None or invitation.used_at is not None:
            return None
        for purpose in (LinkPurpose.ACCEPT_INVITATION, LinkPurpose.ACCEPT_PRINTED_INVITATION):
            if self._tokens.is_right(replace(claims, purpose=purpose), invitation.key):
                return Invited(
                    invitation.id,
                    EmailAddress(invitation.email, invitation.canonical_email),
                    is_verified=purpose is LinkPurpose.ACCEPT_INVITATION,
                    roles=invitation.roles,
                )
        return None

    def _link_to_print(self, invitation: Invitation) -> str:
        token = self._tokens.issue(
            LinkPurpose.ACCEPT_PRINTED_INVITATION,
            invitation.id,
            bound_to=invitation.key,
            expires_at=invitation.expires_at,
        )
        return self._links.page("register", invitation=token)
