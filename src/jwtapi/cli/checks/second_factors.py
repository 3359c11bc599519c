"""Checks second factors: whether browsers have passkeys for this server, whose secrets are lost, who lacks a factor."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from jwtapi.errors import StorageUnavailable
from jwtapi.second_factors.relying_party import relying_party
from jwtapi.second_factors.settings import MfaRequirement, MfaSettings
from jwtapi.security.totp import TotpSecrets, UnreadableSecret
from jwtapi.settings import Settings, SettingsError
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.migrations import UnusableSchema
from jwtapi.storage.totp_secrets import TotpSecret, TotpSecretRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.users.administrators import ADMIN
from jwtapi.web_origin import host_of, is_address

_MAX_CHECKED = 10_000
"""Opening as many secrets takes a tenth of a second."""

T = TypeVar("T")


async def problems_of_second_factors(settings: Settings) -> list[str]:
    """Count the secrets of authenticator apps that no REFRESH_SECRET opens. Check PASSKEY_RP_ID."""
    try:
        relying_party(settings)
    except SettingsError as error:
        return error.problems
    stored = await _read(settings, lambda uow: TotpSecretRepository(uow.connection).confirmed(limit=_MAX_CHECKED))
    lost = _lost(settings, stored or ())
    if not lost:
        return []
    advice = "set REFRESH_SECRET_PREVIOUS to the secret before, or run `jwtapi user reset-mfa` for these users"
    return [f"REFRESH_SECRET does not decrypt the secrets of {lost} authenticator apps: {advice}"]


def _lost(settings: Settings, stored: Sequence[TotpSecret]) -> int:
    previous = settings.refresh_secret_previous
    secrets = TotpSecrets(
        settings.refresh_secret.get_secret_value(),
        previous_secret=previous.get_secret_value() if previous is not None else None,
    )
    lost = 0
    for each in stored:
        try:
            secrets.decrypt(each.user_id, each.encrypted_secret)
        except UnreadableSecret:
            lost += 1
    return lost


async def notes_of_second_factors(settings: Settings) -> list[str]:
    """Return what is right for some installations, and not for others."""
    return [*_notes_of_passkeys(settings), *await _notes_of_requirement(settings)]


def _notes_of_passkeys(settings: Settings) -> list[str]:
    url = settings.public_url
    try:
        if url is None or relying_party(settings) is not None:
            return []
    except SettingsError:  # a problem, which is reported
        return []
    if is_address(host_of(url)):
        return ["PUBLIC_URL has an IP address, for which browsers have no passkeys: use a name, such as localhost"]
    return ["PUBLIC_URL is http://, for which browsers have no passkeys: use https"]


async def _notes_of_requirement(settings: Settings) -> list[str]:
    wanted = settings.of(MfaSettings)
    if wanted.mfa_required is MfaRequirement.OFF:
        return []
    role = ADMIN if wanted.mfa_required is MfaRequirement.ADMINS else None
    count = await _read(settings, lambda uow: uow.users.count_without_second_factor(role=role))
    if not count:
        return []
    who = "administrators" if role is not None else "users"
    if wanted.mfa_grace == 0:
        then = "they must set one up to sign in (MFA_GRACE=0)"
    else:
        until = f"{wanted.mfa_grace} seconds (MFA_GRACE) after the first sign-in that asks for one"
        then = f"the password alone signs them in until {until}"
    return [f"MFA_REQUIRED: {who} without a second factor: {count}: {then}"]


async def _read(settings: Settings, unit: Callable[[UnitOfWork], T]) -> T | None:
    """Return None if the database cannot be used. Other checks report that."""
    with suppress(OSError, StorageUnavailable, OutdatedSchema, UnusableSchema):
        path = sqlite_path(settings.database_url.get_secret_value())
        if path is not None and not path.exists():
            return None
        database = Database.of(settings)
        try:
            await database.check()
            return await database.read(unit)
        finally:
            await database.close()
    return None
