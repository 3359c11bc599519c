"""Attempts within moving windows. Of many at once, one conditional statement decides which are let in."""

from sqlalchemy import TextClause, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.tables import rate_limits

# A row is a window. Its lock makes rivals wait; then each sees what the one before it has written.
_ON_POSTGRESQL = text("""
    INSERT INTO rate_limits AS held (key, hits, expires_at) VALUES (:key, ARRAY[CAST(:now AS float8)], :expires_at)
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
        hits = ARRAY(SELECT hit FROM unnest(held.hits) AS hit WHERE hit > :from) || excluded.hits
    WHERE (SELECT count(*) FROM unnest(held.hits) AS hit WHERE hit > :from) < :amount
""")
_ON_SQLITE = text("""
    INSERT INTO rate_limits (key, hits, expires_at) VALUES (:key, json_array(:now), :expires_at)
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
        hits = (SELECT json_group_array(value) FROM (
            SELECT value FROM json_each(rate_limits.hits) WHERE value > :from UNION ALL SELECT :now))
    WHERE (SELECT count(*) FROM json_each(rate_limits.hits) WHERE value > :from) < :amount
""")


class RateLimitRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._hit: TextClause = _ON_POSTGRESQL if connection.dialect.name == "postgresql" else _ON_SQLITE

    async def hit(self, key: str, *, amount: int, period: float, now: float) -> bool:
        """Count an attempt, unless `amount` lie within the `period` before `now`. All times are in seconds."""
        values = {"key": key, "amount": amount, "now": now, "from": now - period, "expires_at": now + period}
        return (await self._connection.execute(self._hit, values)).rowcount == 1

    async def oldest(self, key: str, *, since: float) -> float | None:
        """When the oldest attempt after `since` was, in seconds since 1970; None if there was none."""
        hits = (await self._connection.execute(select(rate_limits.c.hits).where(rate_limits.c.key == key))).scalar()
        return min((hit for hit in hits or [] if hit > since), default=None)

    async def clear(self, key: str) -> None:
        await self._connection.execute(delete(rate_limits).where(rate_limits.c.key == key))

    async def prune(self, now: float, *, limit: int) -> int:
        """Delete up to `limit` windows that nothing lies in any more, and say how many."""
        is_over = rate_limits.c.expires_at <= now
        over = select(rate_limits.c.key).where(is_over).limit(limit)
        # Twice: an attempt may have been counted since the row was found.
        statement = delete(rate_limits).where(rate_limits.c.key.in_(over), is_over)
        return (await self._connection.execute(statement)).rowcount
