"""Writes the users in the form that the import reads, one page after the other."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from jwtapi.security.totp import TotpSecrets, UnreadableSecret
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_imports import UserImportRepository
from jwtapi.storage.users import User

PAGE = 500
"""Users that are in memory at a time. Each page is a unit of its own, so logins go on."""


class SecretUnreadable(Exception):
    """No REFRESH_SECRET opens the authenticator app of a user. The message names the user by the id."""


class UserExport:
    def __init__(self, database: Database, totp_secrets: TotpSecrets) -> None:
        self._database = database
        self._totp_secrets = totp_secrets
        self.left_out = 0
        """Service accounts, which have nothing that could be moved."""

    async def pages(self, *, with_hashes: bool, with_totp: bool) -> AsyncIterator[list[str]]:
        """Yield the lines of a page, in the order of the ids. Users who change meanwhile are as before or after it.

        Raises:
            SecretUnreadable: `with_totp`, and a secret cannot be decrypted.
        """
        after: UUID | None = None
        while True:
            users, secrets = await self._database.read(
                lambda uow, after=after: _page(uow, after, with_totp=with_totp)  # type: ignore[misc]  # the default binds
            )
            people = [user for user in users if not user.is_service_account]
            self.left_out += len(users) - len(people)
            yield [
                # In ASCII, so that nothing that users have entered can change what a terminal shows.
                json.dumps(_line(user, with_hash=with_hashes, totp=self._opened(user.id, secrets))).replace(
                    "\x7f", "\\u007f"
                )
                for user in people
            ]
            if len(users) < PAGE:
                return
            after = users[-1].id

    def _opened(self, user_id: UUID, secrets: Mapping[UUID, bytes]) -> str | None:
        if user_id not in secrets:
            return None
        try:
            return self._totp_secrets.decrypt(user_id, secrets[user_id]).secret
        except UnreadableSecret:
            raise SecretUnreadable(
                f"No REFRESH_SECRET opens the authenticator app of the user {user_id}. Set REFRESH_SECRET_PREVIOUS to "
                "the secret before, or run `jwtapi user reset-mfa` for this user."
            ) from None


def _page(uow: UnitOfWork, after: UUID | None, *, with_totp: bool) -> tuple[list[User], Mapping[UUID, bytes]]:
    repository = UserImportRepository(uow.connection)
    users = repository.page(after, limit=PAGE)
    secrets = repository.confirmed_secrets(user.id for user in users) if with_totp and users else []
    return users, {secret.user_id: secret.encrypted_secret for secret in secrets}


def _line(user: User, *, with_hash: bool, totp: str | None) -> dict[str, Any]:
    """Return the members of a user. Those that say nothing are left out."""
    email = user.email or user.pending_email
    members = {
        "username": user.username,
        "email": email,
        "emailVerified": user.email is not None if email is not None else None,
        "passwordHash": user.password_hash if with_hash else None,
        "id": str(user.id),
        "roles": user.roles or None,
        "createdAt": user.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "disabled": True if user.disabled_at is not None else None,
        "metadata": user.metadata or None,
        "totp": totp,
    }
    return {name: value for name, value in members.items() if value is not None}
