"""Whether attempts can be counted."""

from jwtapi.rate_limiting.windows import WindowsRefused, WindowsUnavailable
from jwtapi.settings import Settings, SettingsError


async def problems_of_limits(settings: Settings) -> list[str]:
    try:
        return await warnings_of_limits(settings)
    except SettingsError as error:
        return error.problems


async def warnings_of_limits(settings: Settings) -> list[str]:
    """What will pass by itself; meanwhile limits are counted in the database.

    Raises:
        SettingsError: Redis refuses, and will until the setting or Redis is mended.
    """
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if not uri.startswith("redis"):
        return []
    from jwtapi.rate_limiting.redis import RedisWindows  # noqa: PLC0415  5 MB that most do without

    windows = RedisWindows(uri)
    try:
        await windows.probe()
    except WindowsRefused as error:
        advice = "mend the user, the password or the number of the database"
        raise SettingsError(
            [f"RATE_LIMIT_STORAGE_URI: Redis refuses: {str(error.__cause__).rstrip('.')}: {advice}"]
        ) from None
    except WindowsUnavailable:
        return ["RATE_LIMIT_STORAGE_URI: Redis does not answer"]
    finally:
        await windows.close()
    return []
