"""Attempts within moving windows: the table and the queries.

One conditional statement decides which of many concurrent attempts are admitted.
"""

from typing import NamedTuple

from sqlalchemy import JSON, Column, Connection, Double, String, Table, TextClause, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from jwtapi.storage.metadata import TRANSIENT, metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(255), primary_key=True),
    # The times of the attempts, in seconds since 1970. Some of them may have left the window already.
    Column("hits", ARRAY(Double).with_variant(JSON, "sqlite"), nullable=False),
    # From then on no attempt in the row counts.
    Column("expires_at", Double, nullable=False, index=True),
    info=TRANSIENT,
)


class WindowState(NamedTuple):
    """How many attempts a window has, and their times in seconds since 1970."""

    attempts: int
    oldest: float
    newest: float


class _Statements(NamedTuple):
    acquire: TextClause
    acquire_durably: TextClause
    release: TextClause
    cap_times: TextClause
    clear: TextClause


def _hastily(statement: str) -> TextClause:
    """Make a statement for PostgreSQL whose own transaction does not wait for the disk. It must read from `hasty`.

    After a power cut the last attempts are missing.
    """
    hasty = "SELECT set_config('synchronous_commit', 'off', true)"
    return text(f"WITH hasty AS MATERIALIZED ({hasty}) {statement}")


_ACQUIRE_ON_POSTGRESQL = """
    INSERT INTO rate_limits AS held (key, hits, expires_at)
        SELECT CAST(:key AS varchar), ARRAY[CAST(:now AS float8)], CAST(:expires_at AS float8) {source}
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
        hits = ARRAY(SELECT least(hit, :latest) FROM unnest(held.hits) AS hit WHERE hit > :from) || excluded.hits
    WHERE (SELECT count(*) FROM unnest(held.hits) AS hit WHERE hit > :from) < :amount
    RETURNING cardinality(hits), (SELECT min(hit) FROM unnest(hits) AS hit)
"""
_ACQUIRE_ON_SQLITE = text("""
    INSERT INTO rate_limits (key, hits, expires_at) VALUES (:key, json_array(:now), :expires_at)
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at,
        hits = (SELECT json_group_array(hit) FROM (
            SELECT min(value, :latest) AS hit FROM json_each(rate_limits.hits) WHERE value > :from
            UNION ALL SELECT :now))
    WHERE (SELECT count(*) FROM json_each(rate_limits.hits) WHERE value > :from) < :amount
    RETURNING json_array_length(hits), (SELECT min(value) FROM json_each(rate_limits.hits))
""")

# A row is a window. Concurrent attempts wait for the lock of the row; then each sees what the one before has written.
_ON_POSTGRESQL = _Statements(
    acquire=_hastily(_ACQUIRE_ON_POSTGRESQL.format(source="FROM hasty")),
    acquire_durably=text(_ACQUIRE_ON_POSTGRESQL.format(source="")),
    release=_hastily("""
        UPDATE rate_limits SET hits = hits[1:array_position(hits, CAST(:hit AS float8)) - 1]
            || hits[array_position(hits, CAST(:hit AS float8)) + 1:]
        FROM hasty WHERE key = :key AND CAST(:hit AS float8) = ANY(hits)
    """),
    cap_times=_hastily("""
        UPDATE rate_limits SET expires_at = :expires_at,
            hits = ARRAY(SELECT least(hit, :latest) FROM unnest(hits) AS hit)
        FROM hasty WHERE key = :key
    """),
    clear=_hastily("DELETE FROM rate_limits USING hasty WHERE key = :key"),
)
_ON_SQLITE = _Statements(
    acquire=_ACQUIRE_ON_SQLITE,
    acquire_durably=_ACQUIRE_ON_SQLITE,
    release=text("""
        UPDATE rate_limits SET hits = json_remove(hits,
            (SELECT fullkey FROM json_each(rate_limits.hits) WHERE value = :hit LIMIT 1))
        WHERE key = :key AND EXISTS (SELECT 1 FROM json_each(rate_limits.hits) WHERE value = :hit)
    """),
    cap_times=text("""
        UPDATE rate_limits SET expires_at = :expires_at,
            hits = (SELECT json_group_array(min(value, :latest)) FROM json_each(rate_limits.hits))
        WHERE key = :key
    """),
    clear=text("DELETE FROM rate_limits WHERE key = :key"),
)


class RateLimitRepository:
    """All times are in seconds since 1970."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements = _ON_POSTGRESQL if connection.dialect.name == "postgresql" else _ON_SQLITE

    def acquire(  # noqa: PLR0913  the window needs all of them
        self, key: str, *, amount: int, period: float, now: float, latest: float, durably: bool = False
    ) -> WindowState | None:
        """Count an attempt, and return the state of the window. Return None if it already has `amount` attempts.

        The window is the `period` before `now`. Times after `latest` are set to `latest`. On PostgreSQL the transaction
        does not wait for the disk, unless it has to commit something else too: `durably`.
        """
        statement = self._statements.acquire_durably if durably else self._statements.acquire
        values = {"key": key, "amount": amount, "now": now, "from": now - period, "latest": latest}
        result = self._connection.execute(statement, values | {"expires_at": now + period})
        row = result.one_or_none()
        return WindowState(row[0], row[1], now) if row is not None else None

    def state(self, key: str, *, since: float) -> WindowState:
        """Return the state of the window, without attempts up to `since`."""
        query = select(rate_limits.c.hits).where(rate_limits.c.key == key)
        hits = [hit for hit in self._connection.execute(query).scalar() or () if hit > since]
        return WindowState(len(hits), min(hits, default=since), max(hits, default=since))

    def cap_times(self, key: str, *, period: float, latest: float) -> None:
        """Set times after `latest` to `latest`."""
        values = {"key": key, "latest": latest, "expires_at": latest + period}
        self._connection.execute(self._statements.cap_times, values)

    def release(self, key: str, attempted_at: float) -> None:
        """Remove one attempt with this time, if there is one."""
        self._connection.execute(self._statements.release, {"key": key, "hit": attempted_at})

    def clear(self, key: str) -> None:
        self._connection.execute(self._statements.clear, {"key": key})

    def prune(self, now: float, *, limit: int) -> int:
        """Delete up to `limit` expired windows, and return how many."""
        has_expired = rate_limits.c.expires_at <= now
        expired = select(rate_limits.c.key).where(has_expired).limit(limit)
        # Check the condition again when deleting: an attempt may have been counted after the row was found.
        statement = delete(rate_limits).where(rate_limits.c.key.in_(expired), has_expired)
        return self._connection.execute(statement).rowcount
