"""Ory Kratos: what `GET /admin/identities?include_credential=password&include_credential=totp` answers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jwtapi.importing.members import flag, members_of, moment, objects_of, text, without_nothing
from jwtapi.importing.records import PasswordHash, Record, RecordInvalid, TotpSource
from jwtapi.importing.sources.source import Source, SourceOptions


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    traits, credentials = members_of(row, "traits"), members_of(row, "credentials")
    email, username = text(traits, "email"), text(traits, "username")
    stored = text(_config(credentials, "password"), "hashed_password")
    return Record(
        username=username,
        email=email,
        email_verified=any(
            # Kratos writes these addresses in lower case, and the trait as it was entered.
            email is not None and text(address, "value") == email.strip().lower() and flag(address, "verified")
            for address in objects_of(row, "verifiable_addresses")
        ),
        password_hash=PasswordHash(stored, "kratos") if stored is not None else None,
        id=text(row, "id"),
        created_at=moment(row, "created_at"),
        disabled=text(row, "state") == "inactive",
        metadata=without_nothing(
            traits={name: value for name, value in traits.items() if name not in {"email", "username"}},
            metadata_admin=members_of(row, "metadata_admin"),
            metadata_public=members_of(row, "metadata_public"),
        ),
        totp=_totp(text(_config(credentials, "totp"), "totp_url")),
    )


def _config(credentials: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return members_of(members_of(credentials, name), "config")


def _totp(url: str | None) -> TotpSource | None:
    """Read `otpauth://totp/…` (the key URI format of Google Authenticator)."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        found = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return TotpSource(
            found["secret"],
            int(found.get("digits", "6")),
            int(found.get("period", "30")),
            found.get("algorithm", "SHA1") if parts.netloc == "totp" else "HOTP",
        )
    except (ValueError, KeyError):
        raise RecordInvalid("the authenticator app has no address that begins with otpauth://totp/") from None


KRATOS = Source(_read)
