"""What administrators note about users: which metadata a user can have, and how they change."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.token_claims import MAX_BYTES as MAX_CLAIMS_BYTES
from jwtapi.token_claims import canonical, chosen, fit
from jwtapi.users.errors import MetadataInvalid
from jwtapi.users.events import METADATA_CHANGED

MAX_BYTES = 4096
"""Of all metadata of a user as JSON in UTF-8."""

MAX_DEPTH = 8
"""Levels of objects and lists, with that of the whole."""

MAX_NAME = 100
"""Characters of the name of a member."""

_MAX_NUMBER = 2**53
"""JavaScript rounds larger numbers, so a service could read another one."""


def parse_metadata(value: object, token_claims: Collection[str] = ()) -> dict[str, Any]:
    """Return metadata that are in order. `value` was read from JSON, or is made by Python.

    `token_claims` are the names of the members that access tokens contain (TOKEN_CLAIMS).

    Raises:
        MetadataInvalid: they cannot be stored or sent unchanged, or they are too large. The message repeats nothing.
    """
    if not isinstance(value, dict):
        raise MetadataInvalid("Metadata must be a JSON object")
    _check(value)
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise MetadataInvalid(f"Metadata must not exceed {MAX_BYTES} bytes as JSON")
    if not fit(chosen(value, token_claims)):
        raise MetadataInvalid(
            f"The members of metadata that access tokens contain must not exceed {MAX_CLAIMS_BYTES} bytes as JSON"
        )
    return value


def change_metadata(uow: UnitOfWork, user: User, metadata: Mapping[str, Any], at: datetime, caller: Caller) -> bool:
    """Store what `parse_metadata` has returned, for a user whose row is locked. Return False if nothing changes.

    Access tokens that have other claims are refused from then on.
    """
    if canonical(metadata) == canonical(user.metadata):
        return False
    uow.users.set_metadata(user.id, metadata)
    uow.events.add(audit.event(METADATA_CHANGED, at=at, caller=caller, user_id=user.id))
    return True


def _check(value: dict[str, Any]) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                for name in item:
                    _check_name(name)
                below += item.values()
            elif isinstance(item, list):
                below += item
            else:
                _check_scalar(item)
        level = below
    if any(isinstance(item, dict | list) for item in level):
        raise MetadataInvalid(f"Metadata must not have more than {MAX_DEPTH} levels")
    for item in level:
        _check_scalar(item)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or not name.isprintable() or len(name) > MAX_NAME:
        raise MetadataInvalid(f"The names of metadata must be 1 to {MAX_NAME} printable characters")


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value or not _is_unicode(value):
            raise MetadataInvalid("The texts of metadata must not contain a NUL or half of a surrogate pair")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not -_MAX_NUMBER <= value <= _MAX_NUMBER:  # nor NaN, which is not between anything
            raise MetadataInvalid("The numbers of metadata must be between -2^53 and 2^53")
    elif value is not None and not isinstance(value, bool):
        raise MetadataInvalid("Metadata must be JSON")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
