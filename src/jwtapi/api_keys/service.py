"""Makes, lists and revokes API keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from jwtapi import audit
from jwtapi.api_keys.errors import ApiKeyExpiryInvalid, ApiKeyNameInvalid, ApiKeyRolesInvalid, TooManyApiKeys
from jwtapi.api_keys.events import API_KEY_CREATED, API_KEY_REVOKED
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.mail.notices import Notices
from jwtapi.security.api_keys import new_key
from jwtapi.storage.api_keys import ApiKey, OwnedKey
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

MAX_KEYS = 50
"""Of one user."""

MAX_NAME = 64
"""Characters."""

MAX_LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What somebody asks of a new key."""

    name: str
    """For people."""
    roles: Sequence[str] | None = None
    """None: all that the owner has at the time of a request."""
    expires_at: datetime | None = None
    """With a time zone. None: never."""


@dataclass(frozen=True, slots=True)
class CreatedKey:
    key: ApiKey
    text: str = field(repr=False)
    """The key itself. Only its hash is stored, so nobody can show it again."""


class ApiKeyService:
    def __init__(self, database: Database, notices: Notices, clock: Clock) -> None:
        self._database = database
        self._notices = notices
        self._clock = clock

    def check(self, wanted: WantedKey) -> None:
        """Check what needs no database.

        Raises:
            ApiKeyNameInvalid, ApiKeyExpiryInvalid
        """
        if not 1 <= len(wanted.name) <= MAX_NAME or not wanted.name.isprintable() or wanted.name.isspace():
            raise ApiKeyNameInvalid
        now = self._clock()
        if wanted.expires_at is not None and not now < wanted.expires_at <= now + MAX_LIFETIME:
            raise ApiKeyExpiryInvalid

    def add(self, uow: UnitOfWork, owner: User, wanted: WantedKey, caller: Caller) -> CreatedKey:
        """Make a key of a user whose row is locked, after `check`.

        Show its text only after the unit was committed, and call `wake` then.

        Raises:
            ApiKeyRolesInvalid: the owner does not have every one of the roles.
            TooManyApiKeys
        """
        if wanted.roles is not None and not set(wanted.roles) <= set(owner.roles):
            raise ApiKeyRolesInvalid
        # The lock makes others who make a key of this user wait, so they count this one.
        if uow.api_keys.count_of(owner.id) >= MAX_KEYS:
            raise TooManyApiKeys
        new = new_key()
        key = ApiKey(
            id=new.id,
            user_id=owner.id,
            name=wanted.name,
            secret_hash=new.secret_hash,
            roles=[role for role in owner.roles if role in wanted.roles] if wanted.roles is not None else None,
            created_at=self._clock(),
            expires_at=wanted.expires_at.astimezone(UTC) if wanted.expires_at is not None else None,
        )
        uow.api_keys.add(key)
        self._record(uow, API_KEY_CREATED, key, caller)
        self._notices.api_key_created(uow, owner, caller, name=key.name)
        return CreatedKey(key, new.text)

    async def create(self, user_id: UUID, wanted: WantedKey, caller: Caller) -> CreatedKey:
        """Make a key of a user, on behalf of somebody who may do so, such as an administrator.

        Raises:
            NotFound: there is no such user.
            ApiKeyNameInvalid, ApiKeyExpiryInvalid, ApiKeyRolesInvalid, TooManyApiKeys
        """
        self.check(wanted)

        def create(uow: UnitOfWork) -> CreatedKey | None:
            owner = uow.users.get_for_update(user_id)
            return self.add(uow, owner, wanted, caller) if owner is not None else None

        created = await self._database.write(create)
        if created is None:
            raise NotFound
        self.wake()
        return created

    def wake(self) -> None:
        """Let the notice to the owner be sent."""
        self._notices.wake()

    async def list(self, user_id: UUID) -> Sequence[ApiKey]:
        """Return the keys of a user, the oldest first."""
        return await self._database.read(lambda uow: uow.api_keys.of_user(user_id))

    async def page(self, *, before: tuple[datetime, UUID] | None = None, limit: int) -> Sequence[OwnedKey]:
        """Return keys of all users, as `ApiKeyRepository.all`."""
        return await self._database.read(lambda uow: uow.api_keys.all(before=before, limit=limit))

    async def revoke(self, key_id: UUID, user_id: UUID, caller: Caller) -> None:
        """Delete a key of the user. Every process refuses it within 100 ms, this one from the next request on.

        Raises:
            NotFound: there is no such key, or it is another user's. The work is the same.
        """
        revoke = partial(self._revoke, key_id=key_id, user_id=user_id, caller=caller)
        if await self._database.write(revoke) is None:
            raise NotFound

    async def revoke_of_anybody(self, key_id: UUID, caller: Caller) -> ApiKey:
        """Delete a key, whoever owns it, and return it as it was.

        Raises:
            NotFound
        """

        def revoke(uow: UnitOfWork) -> ApiKey | None:
            key = uow.api_keys.get(key_id)
            return self._revoke(uow, key_id, key.user_id, caller) if key is not None else None

        revoked = await self._database.write(revoke)
        if revoked is None:
            raise NotFound
        return revoked

    def revoke_all(self, uow: UnitOfWork, user_id: UUID, caller: Caller) -> None:
        """Delete every key of a user whose row is locked."""
        # In the order in which `record_uses` locks them. Another order could deadlock.
        for key in sorted(uow.api_keys.of_user(user_id), key=attrgetter("id")):
            self._revoke(uow, key.id, user_id, caller)

    def remove(self, uow: UnitOfWork, key_id: UUID, user_id: UUID, caller: Caller) -> None:
        """As `revoke`, in a unit of the caller.

        Raises:
            NotFound
        """
        if self._revoke(uow, key_id, user_id, caller) is None:
            raise NotFound

    def _revoke(self, uow: UnitOfWork, key_id: UUID, user_id: UUID, caller: Caller) -> ApiKey | None:
        revoked = uow.api_keys.delete(key_id, user_id)
        if revoked is not None:
            self._record(uow, API_KEY_REVOKED, revoked, caller)
        return revoked

    def _record(self, uow: UnitOfWork, type_: EventType, key: ApiKey, caller: Caller) -> None:
        details: dict[str, Any] = {"api_key_id": str(key.id), "name": key.name}
        uow.events.add(audit.event(type_, at=self._clock(), caller=caller, user_id=key.user_id, details=details))

    def prune(self, uow: UnitOfWork, limit: int) -> int:
        return uow.api_keys.prune(self._clock(), limit=limit)
