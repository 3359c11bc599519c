"""Changes the account of the signed-in user."""

import json
from functools import partial
from typing import Any
from uuid import UUID

from jwtapi.authentication.errors import AccessTokenInvalid
from jwtapi.features.account.errors import SettingsTooLarge
from jwtapi.features.account.merge_patch import merge_patch
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork

MAX_SETTINGS_BYTES = 16 * 1024


class AccountService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def change_settings(self, user_id: UUID, patch: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch. Patches that arrive at the same time are all applied.

        Raises:
            SettingsTooLarge: the result would exceed 16 KiB. Nothing was changed.
            AccessTokenInvalid: the user has just been deleted.
        """
        return await self._database.write(partial(_change_settings, user_id=user_id, patch=patch))


def _change_settings(uow: UnitOfWork, *, user_id: UUID, patch: dict[str, Any]) -> dict[str, Any]:
    user = uow.users.get_for_update(user_id)
    if user is None:
        raise AccessTokenInvalid
    settings: dict[str, Any] = merge_patch(user.settings, patch)
    if len(json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_SETTINGS_BYTES:
        raise SettingsTooLarge
    uow.users.set_settings(user_id, settings)
    return settings
