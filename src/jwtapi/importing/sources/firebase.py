"""Firebase: `firebase auth:export users.json`, and the parameters of its hashes from the console."""

import re
from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment_of_millis, text, without_nothing
from jwtapi.importing.records import FileInvalid, PasswordHash, Record
from jwtapi.importing.sources.source import Source, SourceOptions

_PARAMETER = re.compile(r'"?(\w+)"?\s*:\s*"?([^\s",{}]+)')
_WANTED = {
    "base64_signer_key": "signer_key",
    "base64_salt_separator": "salt_separator",
    "rounds": "rounds",
    "mem_cost": "mem_cost",
}
"""The parameters, and what security/foreign_hashes calls them."""

_NUMBERS = {"rounds", "mem_cost"}


def parse_hash_config(config: str) -> Mapping[str, Any]:
    """Read the box "Password hash parameters" of the console: `hash_config { algorithm: SCRYPT, … }`, or JSON.

    Raises:
        FileInvalid: a parameter is missing. The message repeats none of them, because one is a key.
    """
    found = dict(_PARAMETER.findall(config))
    if missing := [name for name in _WANTED if not found.get(name)]:
        raise FileInvalid(f"The parameters of the hashes have no {', '.join(missing)}.")
    if found.get("algorithm", "SCRYPT").upper() != "SCRYPT":
        raise FileInvalid("The parameters of the hashes are of another algorithm than SCRYPT.")
    try:
        return {own: int(found[name]) if name in _NUMBERS else found[name] for name, own in _WANTED.items()}
    except ValueError:
        raise FileInvalid("The parameters of the hashes have a number that is none.") from None


def _read(row: Mapping[str, Any], options: SourceOptions) -> Record:
    stored, salt = text(row, "passwordHash"), text(row, "salt")
    return Record(
        email=text(row, "email"),
        email_verified=flag(row, "emailVerified"),
        password_hash=PasswordHash(stored, "firebase", {**options.hash_options, "salt": salt or ""})
        if stored is not None
        else None,
        id=text(row, "localId"),
        created_at=moment_of_millis(row, "createdAt"),
        disabled=flag(row, "disabled"),
        metadata=without_nothing(
            displayName=text(row, "displayName"),
            phoneNumber=text(row, "phoneNumber"),
            customAttributes=members_of(row, "customAttributes"),
        ),
    )


FIREBASE = Source(_read, member="users")
