"""What lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jwtapi.clock import Clock, system_clock
from jwtapi.metrics import Metrics
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.password_policy import PasswordPolicy
from jwtapi.security.passwords import PasswordHasher
from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.settings import Settings
from jwtapi.storage.database import Database


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    clock: Clock
    database: Database
    passwords: PasswordHasher
    password_policy: PasswordPolicy
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    device_tokens: DeviceTokens
    metrics: Metrics


@asynccontextmanager
async def open_resources(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[Resources]:
    """Make everything, and close it when the block is left. Connections are opened when first used."""
    database = Database(settings.database_url.get_secret_value())
    passwords = PasswordHasher(rounds=settings.bcrypt_rounds)
    refresh_secret = settings.refresh_secret.get_secret_value()
    try:
        yield Resources(
            settings=settings,
            clock=clock,
            database=database,
            passwords=passwords,
            password_policy=PasswordPolicy(
                min_length=settings.password_min_length, blocklist=settings.password_blocklist
            ),
            access_tokens=AccessTokens(settings.jwt_secret.get_secret_value(), ttl=settings.access_token_ttl),
            refresh_tokens=RefreshTokens(refresh_secret),
            device_tokens=DeviceTokens(refresh_secret),
            metrics=Metrics(hashes_pending=lambda: passwords.pending),
        )
    finally:
        passwords.close()
        await database.close()
