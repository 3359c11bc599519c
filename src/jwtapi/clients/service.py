"""Creates, deletes and authenticates clients."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from jwtapi import audit
from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid
from jwtapi.caller import Caller
from jwtapi.clients.errors import ClientNameInvalid, ClientNameTaken, InvalidClient, UnknownClient
from jwtapi.clients.events import CLIENT_CREATED, CLIENT_DELETED
from jwtapi.clients.scopes import Scope
from jwtapi.clock import Clock
from jwtapi.security.access_tokens import AccessTokens, IssuedAccessToken
from jwtapi.security.client_secrets import hash_of_secret, is_secret, new_client_secret
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.clients import Client
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType
from jwtapi.storage.unit_of_work import UnitOfWork

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NO_CLIENT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class NewClient:
    client: Client
    secret: str = field(repr=False)
    """Only its hash is stored."""


class ClientService:
    def __init__(
        self, database: Database, access_tokens: AccessTokens, signing_keys: SigningKeys, clock: Clock
    ) -> None:
        self._database = database
        self._access_tokens = access_tokens
        self._signing_keys = signing_keys
        self._clock = clock

    async def create(self, name: str, scopes: Collection[Scope], caller: Caller) -> NewClient:
        """Create a client with a random secret.

        Raises:
            ClientNameInvalid, ClientNameTaken
        """
        if not _NAME.fullmatch(name):
            raise ClientNameInvalid
        secret = new_client_secret()
        given = [str(scope) for scope in Scope if scope in scopes]
        client = Client(uuid4(), name, hash_of_secret(secret), given, self._clock())

        def create(uow: UnitOfWork) -> bool:
            if not uow.clients.add(client):
                return False
            self._record(uow, CLIENT_CREATED, client, caller)
            return True

        if not await self._database.write(create):
            raise ClientNameTaken(name)
        return NewClient(client, secret)

    async def list(self) -> list[Client]:
        """Return every client, by name."""
        return await self._database.read(lambda uow: uow.clients.all())

    async def delete(self, name: str, caller: Caller) -> None:
        """Delete a client. Its secret and its tokens are refused from the next request on.

        Raises:
            UnknownClient
        """
        if not await self._database.write(lambda uow: self._delete(uow, uow.clients.by_name(name), caller)):
            raise UnknownClient(name)

    def delete_by_id(self, uow: UnitOfWork, client_id: UUID, caller: Caller) -> bool:
        """As `delete`, in a unit. Return False if there is no such client."""
        return self._delete(uow, uow.clients.get(client_id), caller)

    def _delete(self, uow: UnitOfWork, client: Client | None, caller: Caller) -> bool:
        if client is None or not uow.clients.delete(client.id):
            return False
        self._record(uow, CLIENT_DELETED, client, caller)
        return True

    async def authenticate(self, client_id: str, secret: str) -> Client:
        """Return the client of this id and secret. An unknown id takes the same work as a wrong secret.

        Raises:
            InvalidClient
            StorageUnavailable
        """
        client = await self._with_id(_uuid_of(client_id))
        if not is_secret(secret, client.secret_hash if client is not None else None) or client is None:
            raise InvalidClient
        return client

    async def authenticate_by_token(self, token: str) -> Client:
        """Return the client of a service token, with the scopes of the token.

        Raises:
            AccessTokenExpired, AccessTokenInvalid
            StorageUnavailable
        """
        await self._signing_keys.refresh_unless_current()
        try:
            decoded = self._access_tokens.decode_of_client(token, self._clock())
        except ExpiredToken:
            raise AccessTokenExpired from None
        except InvalidToken:
            raise AccessTokenInvalid from None
        client = await self._with_id(decoded.client_id)
        if client is None:
            raise AccessTokenInvalid
        return replace(client, scopes=[scope for scope in client.scopes if scope in decoded.scopes])

    def issue_token(self, client: Client, scopes: Collection[str]) -> IssuedAccessToken:
        """Make a service token. The scopes must be some of the client's."""
        return self._access_tokens.issue_for_client(client.id, [*scopes], self._clock())

    async def _with_id(self, client_id: UUID) -> Client | None:
        # Reads the row each time, so that a deleted client is refused immediately, also without the change feed.
        return await self._database.read(lambda uow: uow.clients.get(client_id))

    def _record(self, uow: UnitOfWork, type_: EventType, client: Client, caller: Caller) -> None:
        details = {"client_id": str(client.id)}
        uow.events.add(audit.event(type_, at=self._clock(), caller=caller, user_id=None, details=details))


def _uuid_of(client_id: str) -> UUID:
    """Return the id. A text that is no id gets one that no client has, so that the work is the same."""
    try:
        return UUID(client_id)
    except ValueError:
        return _NO_CLIENT
