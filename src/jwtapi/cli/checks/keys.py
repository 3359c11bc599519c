"""Checks the keys that sign access tokens."""

from jwtapi.composition import make_services
from jwtapi.errors import StorageUnavailable
from jwtapi.settings import Settings, SettingsError, SigningAlgorithm
from jwtapi.signing.listing import KeyState
from jwtapi.signing.private_keys import given_key_pairs
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.migrations import UnusableSchema

_SHORT_PREPUBLISH = 900


def check_signing_key(settings: Settings) -> None:
    """Raises: SettingsError: SIGNING_KEY is unusable."""
    given_key_pairs(settings)


def warnings_of_keys(settings: Settings) -> list[str]:
    if settings.signing_algorithm is SigningAlgorithm.HS256 or settings.signing_key_prepublish >= _SHORT_PREPUBLISH:
        return []
    consequence = "services that cache the key set for 5 to 10 minutes refuse the tokens of a new key meanwhile"
    return [f"SIGNING_KEY_PREPUBLISH is below {_SHORT_PREPUBLISH}: {consequence}"]


def notes_of_keys(settings: Settings) -> list[str]:
    """Return what is right for some installations, and not for others."""
    if not settings.in_production:
        return []
    if settings.signing_algorithm is SigningAlgorithm.HS256:
        risk = "a service that checks tokens by itself needs JWT_SECRET, and can make tokens with it"
        return [f"SIGNING_ALGORITHM is HS256: {risk}; with ES256 it needs no secret"]
    if settings.public_url is None:
        return [
            "PUBLIC_URL is missing: the issuer of access tokens is `jwtapi`, from which no service can find the keys"
        ]
    return []


async def problems_of_keys(settings: Settings) -> list[str]:
    """Count the keys that REFRESH_SECRET does not decrypt. Return no problem if the database cannot be read.

    Other checks report that.
    """
    path = sqlite_path(settings.database_url.get_secret_value())
    try:
        if path is not None and not path.exists():
            return []
        services = make_services(settings)
    except SettingsError as error:
        return error.problems
    except (OSError, StorageUnavailable):
        return []
    try:
        await services[Database].check()
        foreign = [each.kid for each in await services[SigningKeys].all() if each.state is KeyState.FOREIGN]
    except (StorageUnavailable, OutdatedSchema, UnusableSchema):
        return []
    finally:
        await services.close()
    if not foreign:
        return []
    advice = "set REFRESH_SECRET_PREVIOUS to the secret before, or revoke them with `jwtapi keys revoke`"
    return [f"REFRESH_SECRET does not decrypt the signing keys {', '.join(foreign)}: {advice}"]
