"""`jwtapi doctor`: what is wrong, or unwise, with this configuration."""

import asyncio
import ipaddress

import typer

from jwtapi.errors import StorageUnavailable
from jwtapi.interpreter import interpreter_problems
from jwtapi.settings import ENV_FILE, Settings, SettingsError, load_settings
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path

_HOUR = 3600


def doctor() -> None:
    """Say what is wrong with this configuration; exit 1 if anything is. Changes nothing."""
    problems = _problems()
    for problem in problems:
        typer.echo(f"✗ {problem}")
    if problems:
        raise typer.Exit(1)
    typer.echo("✓ Nothing is wrong.")


def warnings_of(settings: Settings) -> list[str]:
    """What this configuration allows that it should not."""
    warnings = []
    if settings.in_production:
        if not settings.cookie_secure:
            warnings.append("COOKIE_SECURE is false in production: the refresh token crosses the network readable")
        if not settings.rate_limit_enabled:
            warnings.append("RATE_LIMIT_ENABLED is false in production: passwords can be guessed without limit")
        if not settings.password_blocklist:
            warnings.append("PASSWORD_BLOCKLIST is false in production: people will choose passwords that all know")
        if settings.docs_enabled:
            warnings.append("DOCS_ENABLED is true in production: strangers can read how this server is called")
        if any(origin.startswith("http://") for origin in settings.cors_origins):
            warnings.append("CORS_ORIGINS has an http:// origin in production: whoever is on the path speaks for it")
    if any(ipaddress.ip_network(proxy).prefixlen == 0 for proxy in settings.trusted_proxies):
        warnings.append("TRUSTED_PROXIES trusts everybody: clients can choose the address that limits count")
    if settings.access_token_ttl > _HOUR:
        warnings.append("ACCESS_TOKEN_TTL is over an hour: services that check tokens by themselves see no logout")
    return warnings


def _problems() -> list[str]:
    try:
        settings = load_settings()
    except SettingsError as error:
        return error.problems
    problems = warnings_of(settings) + interpreter_problems()
    if ENV_FILE.exists() and ENV_FILE.stat().st_mode & 0o077:
        problems.append(f"{ENV_FILE} can be read by other users of this machine: chmod 600 {ENV_FILE}")
    problems += asyncio.run(_database_problems(settings))
    problems += asyncio.run(_redis_problems(settings))
    return problems


async def _database_problems(settings: Settings) -> list[str]:
    url = settings.database_url.get_secret_value()
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return []  # the first start makes it
    try:
        database = Database(url)
        try:
            await database.check()
        finally:
            await database.close()
    except StorageUnavailable as error:
        return [f"DATABASE_URL: the database does not answer ({type(error.__cause__).__name__})"]
    except OutdatedSchema:
        if path is None:  # the next start migrates SQLite
            return ["DATABASE_URL: the database has an earlier schema, until the next start or `jwtapi migrate`"]
    return []


async def _redis_problems(settings: Settings) -> list[str]:
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if not uri.startswith("redis"):
        return []
    from jwtapi.rate_limiting.redis import RedisWindows  # noqa: PLC0415  5 MB that most do without

    windows = RedisWindows(uri)
    try:
        return [] if await windows.can_count() else ["RATE_LIMIT_STORAGE_URI: Redis does not answer"]
    finally:
        await windows.close()
