"""Attempts within moving windows: the table and the queries.

One conditional statement decides which of many concurrent attempts are admitted.
"""

from typing import NamedTuple

from sqlalchemy import JSON, Column, Double, String, Table, TextClause, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.metadata import TRANSIENT, metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(255), primary_key=True),
    # When the attempts were, in seconds since 1970: those that count still, and perhaps some that no longer do.
    Column("hits", ARRAY(Double).with_variant(JSON, "sqlite"), nullable=False),
    # From then on the row says nothing.
    Column("expires_at", Double, nullable=False, index=True),
    info=TRANSIENT,
)


class Counted(NamedTuple):
    """What a window holds."""

    hits: int
    oldest: float
    newest: float


class _Statements(NamedTuple):
    hit: TextClause
    take_back: TextClause
    bring_forward: TextClause


# A row is a window. Its lock makes rivals wait; then each sees what the one before it has written.
_ON_POSTGRESQL = _Statements(
    hit=text("""
        INSERT INTO rate_limits AS held (key, hits, expires_at) VALUES (:key, ARRAY[CAST(:now AS float8)], :expires_at)
        ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
            hits = ARRAY(SELECT least(hit, :latest) FROM unnest(held.hits) AS hit WHERE hit > :from) || excluded.hits
        WHERE (SELECT count(*) FROM unnest(held.hits) AS hit WHERE hit > :from) < :amount
        RETURNING cardinality(hits), (SELECT min(hit) FROM unnest(hits) AS hit)
    """),
    take_back=text("""
        UPDATE rate_limits SET hits = hits[1:array_position(hits, CAST(:hit AS float8)) - 1]
            || hits[array_position(hits, CAST(:hit AS float8)) + 1:]
        WHERE key = :key AND CAST(:hit AS float8) = ANY(hits)
    """),
    bring_forward=text("""
        UPDATE rate_limits SET expires_at = :expires_at,
            hits = ARRAY(SELECT least(hit, :latest) FROM unnest(hits) AS hit)
        WHERE key = :key
    """),
)
_ON_SQLITE = _Statements(
    hit=text("""
        INSERT INTO rate_limits (key, hits, expires_at) VALUES (:key, json_array(:now), :expires_at)
        ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
            hits = (SELECT json_group_array(hit) FROM (
                SELECT min(value, :latest) AS hit FROM json_each(rate_limits.hits) WHERE value > :from
                UNION ALL SELECT :now))
        WHERE (SELECT count(*) FROM json_each(rate_limits.hits) WHERE value > :from) < :amount
        RETURNING json_array_length(hits), (SELECT min(value) FROM json_each(rate_limits.hits))
    """),
    take_back=text("""
        UPDATE rate_limits SET hits = json_remove(hits,
            (SELECT fullkey FROM json_each(rate_limits.hits) WHERE value = :hit LIMIT 1))
        WHERE key = :key AND EXISTS (SELECT 1 FROM json_each(rate_limits.hits) WHERE value = :hit)
    """),
    bring_forward=text("""
        UPDATE rate_limits SET expires_at = :expires_at,
            hits = (SELECT json_group_array(min(value, :latest)) FROM json_each(rate_limits.hits))
        WHERE key = :key
    """),
)


class RateLimitRepository:
    """All times are in seconds since 1970."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._statements = _ON_POSTGRESQL if connection.dialect.name == "postgresql" else _ON_SQLITE

    async def hit(self, key: str, *, amount: int, period: float, now: float, latest: float) -> Counted | None:
        """Count an attempt and say what there is then; None if `amount` lie within the `period` before `now`.

        Those behind `latest` are taken for ones of that moment.
        """
        values = {"key": key, "amount": amount, "now": now, "from": now - period, "latest": latest}
        result = await self._connection.execute(self._statements.hit, values | {"expires_at": now + period})
        row = result.one_or_none()
        return Counted(row[0], row[1], now) if row is not None else None

    async def counted(self, key: str, *, since: float) -> Counted:
        """What lies behind `since`."""
        query = select(rate_limits.c.hits).where(rate_limits.c.key == key)
        hits = [hit for hit in (await self._connection.execute(query)).scalar() or () if hit > since]
        return Counted(len(hits), min(hits, default=since), max(hits, default=since))

    async def bring_forward(self, key: str, *, period: float, latest: float) -> None:
        """Take the attempts behind `latest` for ones of that moment."""
        values = {"key": key, "latest": latest, "expires_at": latest + period}
        await self._connection.execute(self._statements.bring_forward, values)

    async def take_back(self, key: str, hit: float) -> None:
        """Forget one of the attempts of the moment `hit`, if there is one."""
        await self._connection.execute(self._statements.take_back, {"key": key, "hit": hit})

    async def clear(self, key: str) -> None:
        await self._connection.execute(delete(rate_limits).where(rate_limits.c.key == key))

    async def prune(self, now: float, *, limit: int) -> int:
        """Delete up to `limit` windows that nothing lies in any more, and say how many."""
        is_over = rate_limits.c.expires_at <= now
        over = select(rate_limits.c.key).where(is_over).limit(limit)
        # Twice: an attempt may have been counted since the row was found.
        statement = delete(rate_limits).where(rate_limits.c.key.in_(over), is_over)
        return (await self._connection.execute(statement)).rowcount
