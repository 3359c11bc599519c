"""Keycloak: `kc.sh export`, one file for the realm or several for its users."""

from base64 import b32encode
from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment_of_millis, objects_of, text, without_nothing, words
from jwtapi.importing.records import PasswordHash, Record, RecordInvalid, TotpSource
from jwtapi.importing.sources.source import NotAUser, Source, SourceOptions
from jwtapi.strict_json import loads

_OWN_ROLES = frozenset({"offline_access", "uma_authorization"})
"""Every user of Keycloak has them, and the default roles of the realm. They mean nothing elsewhere."""


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    if text(row, "serviceAccountClientId") is not None:
        raise NotAUser("the service account of a client")
    credentials = {text(each, "type"): each for each in objects_of(row, "credentials")}
    password, otp = credentials.get("password"), credentials.get("otp")
    return Record(
        username=text(row, "username"),
        email=text(row, "email"),
        email_verified=flag(row, "emailVerified"),
        password_hash=_password(password) if password is not None else None,
        id=text(row, "id"),
        roles=tuple(
            role for role in words(row, "realmRoles") if role not in _OWN_ROLES and not role.startswith("default-roles")
        ),
        created_at=moment_of_millis(row, "createdTimestamp"),
        disabled=not flag(row, "enabled", default=True),
        metadata=without_nothing(
            firstName=text(row, "firstName"),
            lastName=text(row, "lastName"),
            attributes=members_of(row, "attributes"),
            groups=list(words(row, "groups")),
        ),
        totp=_totp(otp) if otp is not None else None,
    )


def _password(credential: Mapping[str, Any]) -> PasswordHash:
    """Keep the whole credential as text: its two members are texts of JSON themselves."""
    secret, data = text(credential, "secretData"), text(credential, "credentialData")
    if secret is None or data is None:
        raise RecordInvalid("the password has no secretData and credentialData: export it again, with a newer Keycloak")
    return PasswordHash(f'{{"secretData":{secret},"credentialData":{data}}}', "keycloak")


def _totp(credential: Mapping[str, Any]) -> TotpSource:
    try:
        secret, data = (loads((text(credential, name) or "").encode()) for name in ("secretData", "credentialData"))
        value = secret["value"].encode()
        algorithm = data.get("algorithm", "HmacSHA1").removeprefix("Hmac")
        if data.get("subType", "totp") != "totp":
            algorithm = "HOTP"
        # The key is the text itself, unless the text says that it is base32.
        encoded = value.decode() if data.get("secretEncoding") == "BASE32" else b32encode(value).decode()
        return TotpSource(encoded, int(data.get("digits", 6)), int(data.get("period", 30)), algorithm)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RecordInvalid("the authenticator app is not what Keycloak writes") from None


KEYCLOAK = Source(_read, member="users")
