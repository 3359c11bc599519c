"""What lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from jwtapi.clock import Clock, system_clock
from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.database import DatabaseWindows
from jwtapi.rate_limiting.fallback import WithFallback
from jwtapi.rate_limiting.memory import MemoryWindows
from jwtapi.rate_limiting.windows import Windows
from jwtapi.security.access_tokens import AccessTokens
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.password_policy import PasswordPolicy
from jwtapi.security.passwords import PasswordHasher
from jwtapi.security.refresh_tokens import RefreshTokens
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.settings import Settings
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.database import Database
from jwtapi.storage.known_sessions import KnownSessions
from jwtapi.storage.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    clock: Clock
    database: Database
    readiness: Readiness
    known_sessions: KnownSessions
    arrivals: Arrivals
    windows: Windows
    passwords: PasswordHasher
    password_policy: PasswordPolicy
    username_policy: UsernamePolicy
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    device_tokens: DeviceTokens
    metrics: Metrics

    async def close(self) -> None:
        self.passwords.close()
        await self.windows.close()
        await self.database.close()


@asynccontextmanager
async def open_resources(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[Resources]:
    resources = make_resources(settings, clock)
    try:
        yield resources
    finally:
        await resources.close()


def make_resources(settings: Settings, clock: Clock = system_clock) -> Resources:
    """Make everything. Connections are opened when first used.

    Raises:
        StorageUnavailable: the file of an SQLite database cannot be opened.
    """
    metrics = Metrics()
    on_block = (lambda block: metrics.observe_block(**block._asdict())) if settings.counts_requests else None
    database = Database.of(settings, on_block=on_block)
    refresh_secret = settings.refresh_secret.get_secret_value()
    previous_refresh_secret = _plain(settings.refresh_secret_previous)
    return Resources(
        settings=settings,
        clock=clock,
        database=database,
        readiness=Readiness(database),
        known_sessions=KnownSessions(database, on_interruption=metrics.count_feed_interruption),
        arrivals=Arrivals(database),
        windows=_windows(settings, database, metrics, clock),
        passwords=PasswordHasher(
            rounds=settings.bcrypt_rounds, on_pending=metrics.set_hashes_pending, on_wait=metrics.observe_hash_wait
        ),
        password_policy=PasswordPolicy(min_length=settings.password_min_length, blocklist=settings.password_blocklist),
        username_policy=UsernamePolicy(settings.reserved_usernames),
        access_tokens=AccessTokens(
            settings.jwt_secret.get_secret_value(),
            ttl=settings.access_token_ttl,
            previous_secret=_plain(settings.jwt_secret_previous),
        ),
        refresh_tokens=RefreshTokens(refresh_secret, previous_secret=previous_refresh_secret),
        device_tokens=DeviceTokens(refresh_secret, previous_secret=previous_refresh_secret),
        metrics=metrics,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _windows(settings: Settings, database: Database, metrics: Metrics, clock: Clock) -> Windows:
    """Where attempts are counted."""
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if uri.startswith("memory:"):
        return MemoryWindows()
    in_database = DatabaseWindows(database, clock)
    if uri.startswith("database:"):
        return in_database
    from jwtapi.rate_limiting.redis import RedisWindows  # noqa: PLC0415  5 MB that most do without

    return WithFallback(RedisWindows(uri, clock), in_database, metrics)
