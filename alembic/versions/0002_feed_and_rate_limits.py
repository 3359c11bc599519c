"""What many workers need: the order in which events are committed, counts of the rate limits, cheap refreshes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    on_postgresql = op.get_context().dialect.name == "postgresql"
    op.add_column("events", sa.Column("transaction_id", sa.BigInteger()))
    if on_postgresql:
        # After the column: a default that the column came with would be computed for each old row.
        op.alter_column("events", "transaction_id", server_default=sa.text("pg_current_xact_id()::text::bigint"))
    op.create_index("ix_events_transaction_id", "events", ["transaction_id"])
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("hits", postgresql.ARRAY(sa.Double()).with_variant(sa.JSON(), "sqlite"), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_limits"),
        # Without a log of its own: a crash of the server empties it, and no attempt waits for the disk.
        prefixes=["UNLOGGED"] if on_postgresql else [],
    )
    op.create_index("ix_rate_limits_expires_at", "rate_limits", ["expires_at"])
    # SQLite adds no stored column to a table that exists; the index stores what it needs.
    day = "(expires_at AT TIME ZONE 'UTC')::date" if on_postgresql else "date(expires_at)"
    op.add_column("sessions", sa.Column("expires_on", sa.Date(), sa.Computed(day, persisted=on_postgresql)))
    op.create_index("ix_sessions_expires_on", "sessions", ["expires_on"])
    op.drop_index("ix_sessions_expires_at", "sessions")
    if on_postgresql:
        # Room on each page for the next version of its rows.
        op.execute("ALTER TABLE sessions SET (fillfactor = 85)")
