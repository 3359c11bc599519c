"""Checks that attempts can be counted."""

from jwtapi.rate_limiting.storage import RateLimitStorageMisconfigured, RateLimitStorageUnavailable
from jwtapi.settings import Settings, SettingsError


async def problems_of_limits(settings: Settings) -> list[str]:
    try:
        return await warnings_of_limits(settings)
    except SettingsError as error:
        return error.problems


async def warnings_of_limits(settings: Settings) -> list[str]:
    """Warn if Redis does not respond, which may end by itself. Until then limits are counted in the database.

    Raises:
        SettingsError: Redis refuses until the setting or Redis is corrected.
    """
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if not uri.startswith("redis"):
        return []
    from jwtapi.rate_limiting.redis import RedisStorage  # noqa: PLC0415  it takes 5 MB, and few need it

    storage = RedisStorage(uri)
    try:
        await storage.probe()
    except RateLimitStorageMisconfigured as error:
        advice = "correct the user, the password or the number of the database"
        raise SettingsError(
            [f"RATE_LIMIT_STORAGE_URI: Redis refuses: {str(error.__cause__).rstrip('.')}: {advice}"]
        ) from None
    except RateLimitStorageUnavailable:
        return ["RATE_LIMIT_STORAGE_URI: Redis does not answer"]
    finally:
        await storage.close()
    return []
