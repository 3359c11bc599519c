"""The tables. A change here wants a migration in `alembic/versions` (see CONTRIBUTING)."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from jwtapi.storage.types import UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", String(64), nullable=False),
    # What decides whether two names are one; see security/usernames.py. Longer than the name: ﷺ becomes 18 letters.
    Column("canonical_username", String(255), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # How often the session was refreshed. The one refresh token that is good now carries this number.
    Column("generation", Integer, nullable=False),
    # Random; every refresh token proves that its maker knew it, so REFRESH_SECRET alone forges nothing.
    Column("key", LargeBinary(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    # When the refresh before the last one was; NULL if there was none.
    Column("previously_refreshed_at", UtcDateTime),
    # The newest generation of which a token is known to have reached the client; see sessions/worth.py.
    Column("arrived_generation", Integer, nullable=False, server_default="0"),
    # The last generation that was handed out again to its predecessor after the grace; NULL if none ever was.
    Column("late_generation", Integer),
    # Computed by the database from `expires_at` (migration 0002). A refresh that changes no indexed column costs
    # PostgreSQL no entry in any index, and the day changes once a day.
    Column("expires_on", Date, index=True),
    # The sessions of a user that have not been ended. Whoever signs in and out all day leaves thousands that have.
    Index(
        "ix_sessions_user_id_unrevoked",
        "user_id",
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(40), nullable=False),
    # No foreign keys: what happened stays true when the user is gone.
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("address", String(64)),
    Column("request_id", String(64)),
    # Filled in by PostgreSQL itself (migration 0002), empty on SQLite; the feed of changes goes by it.
    Column("transaction_id", BigInteger, index=True),
    Index(None, "user_id", "id"),
    Index(None, "at"),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(255), primary_key=True),
    # When the attempts were, in seconds since 1970: those that count still, and perhaps some that no longer do.
    Column("hits", ARRAY(Double).with_variant(JSON, "sqlite"), nullable=False),
    # From then on the row says nothing.
    Column("expires_at", Double, nullable=False, index=True),
)

FILLED_BY_DATABASE = frozenset({sessions.c.expires_on, events.c.transaction_id})
"""Columns that each database fills by itself."""
