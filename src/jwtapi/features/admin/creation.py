"""Creates and invites users on behalf of administrators."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jwtapi.administration.administrator import Administrator
from jwtapi.administration.lock import lock_administrator
from jwtapi.clock import Clock
from jwtapi.features.admin.errors import RolesRefused
from jwtapi.mail.links import Links
from jwtapi.security.email_addresses import EmailAddress
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.invitations import InvitationService
from jwtapi.users.reset_links import reset_link
from jwtapi.users.roles import RolesInvalid, parse_roles
from jwtapi.users.service import UserService


@dataclass(frozen=True, slots=True)
class WantedUser:
    username: str
    password: str | None = field(default=None, repr=False)
    email: EmailAddress | None = None
    roles: Sequence[str] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    is_service_account: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    user: User
    reset_link: str | None = field(repr=False)
    """None: the user has a password, gets the link by mail, or never signs in."""


class NewUsers:
    def __init__(
        self, users: UserService, invitations: InvitationService, links: Links, link_tokens: LinkTokens, clock: Clock
    ) -> None:
        self._users = users
        self._invitations = invitations
        self._links = links
        self._link_tokens = link_tokens
        self._clock = clock

    async def create(self, administrator: Administrator, wanted: WantedUser) -> Created:
        """Store a new user.

        Somebody without a password gets a link to set one: by mail if there is an address, which counts as verified
        then, because only its owner can use the link. Otherwise the link is returned.

        Raises:
            RolesRefused
            NoPages, NoPublicUrl: nobody could open the link.
            AccessTokenInvalid, RoleRequired, SessionRequired, SignInTooOld: as `lock_administrator`.
            also as `UserService.create`.
        """
        needs_link = wanted.password is None and not wanted.is_service_account
        if needs_link:
            self._links.require()
        user = await self._users.create(
            wanted.username,
            wanted.password,
            administrator.caller,
            email=wanted.email,
            email_is_verified=wanted.password is None,
            roles=_parse(wanted.roles),
            metadata=wanted.metadata,
            is_service_account=wanted.is_service_account,
            sends_link=needs_link,
            admit=lambda uow: self._admit(uow, administrator),
        )
        returns_link = needs_link and user.email is None
        link = reset_link(user, self._links, self._link_tokens, self._clock()) if returns_link else None
        return Created(user, link)

    async def invite(self, administrator: Administrator, address: EmailAddress, roles: Sequence[str]) -> str | None:
        """Invite somebody by mail, or return the link if this server sends no mail. A former invitation is void.

        Raises:
            RolesRefused
            EmailTaken, RegistrationClosed, NoPages, NoPublicUrl: as `InvitationService.invite`.
            AccessTokenInvalid, RoleRequired, SessionRequired, SignInTooOld: as `lock_administrator`.
        """
        return await self._invitations.invite(
            address,
            administrator.caller,
            roles=_parse(roles),
            admit=lambda uow: self._admit(uow, administrator),
        )

    def _admit(self, uow: UnitOfWork, administrator: Administrator) -> None:
        lock_administrator(uow, administrator, self._clock()).require_recent_sign_in()


def _parse(roles: Sequence[str]) -> list[str]:
    try:
        return parse_roles(roles)
    except RolesInvalid:
        raise RolesRefused from None
