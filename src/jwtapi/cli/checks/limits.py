"""Whether attempts can be counted."""

from jwtapi.settings import Settings


async def problems_of_limits(settings: Settings) -> list[str]:
    uri = settings.rate_limit_storage_uri.get_secret_value()
    if not uri.startswith("redis"):
        return []
    from jwtapi.rate_limiting.redis import RedisWindows  # noqa: PLC0415  5 MB that most do without

    windows = RedisWindows(uri)
    try:
        return [] if await windows.can_count() else ["RATE_LIMIT_STORAGE_URI: Redis does not answer"]
    finally:
        await windows.close()
