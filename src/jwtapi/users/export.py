"""Writes all that is kept of a user as JSON, one page of rows after the other."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from jwtapi.clock import Clock
from jwtapi.storage.database import Database
from jwtapi.storage.personal_data import PersonalData
from jwtapi.storage.users import User

PAGE = 200
"""Rows that are in memory at a time."""


class AccountExport:
    def __init__(self, database: Database, personal_data: Sequence[PersonalData], clock: Clock) -> None:
        self._database = database
        self._personal_data = personal_data
        self._clock = clock

    async def write(self, user: User) -> AsyncIterator[bytes]:
        """Yield the text of a JSON object in pieces: the account as it is in `user`, and a list of rows for each table.

        Each page is a unit of its own, so a slow client keeps no connection to the database and no lock. Rows that
        change meanwhile are exported as they are before or after the change.

        Raises:
            StorageUnavailable: in the middle. The text so far is no valid JSON.
        """
        yield b'{"exportedAt":' + to_json(self._clock()) + b',"account":' + to_json(_account(user))
        for kept in self._personal_data:
            yield b',"' + kept.name.encode() + b'":['
            after = None
            while True:
                page = await self._database.read(partial(kept.page, user=user, after=after, limit=PAGE))
                rows = b",".join(to_json(_members(row._asdict())) for row in page)
                yield b"," + rows if after is not None and page else rows
                if len(page) < PAGE:
                    break
                after = page[-1]
            yield b"]"
        yield b"}"


def _account(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "verifiedEmail": user.email,
        "pendingEmail": user.pending_email,
        "formerEmail": user.former_email,
        "formerEmailUntil": user.former_email_until,
        "hasPassword": user.password_hash is not None,
        "secondFactorSince": user.second_factor_since,
        "secondFactorDueAt": user.second_factor_due_at,
        "roles": user.roles,
        "settings": user.settings,
        "metadata": user.metadata,
        "externalId": user.external_id,
        "createdAt": user.created_at,
        "lastLoginAt": user.last_login_at,
    }


def _members(row: Mapping[str, Any]) -> dict[str, Any]:
    return {to_camel(name): value for name, value in row.items()}
