"""For several workers: the order in which events are committed, counts of the rate limits, and cheap refreshes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    on_postgresql = op.get_context().dialect.name == "postgresql"
    op.add_column("events", sa.Column("transaction_id", sa.BigInteger()))
    if on_postgresql:
        # Set the default after adding the column. Otherwise PostgreSQL would compute it for each old row.
        op.alter_column("events", "transaction_id", server_default=sa.text("pg_current_xact_id()::text::bigint"))
    op.create_index("ix_events_transaction_id", "events", ["transaction_id"])
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("hits", postgresql.ARRAY(sa.Double()).with_variant(sa.JSON(), "sqlite"), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_limits"),
        # UNLOGGED: a crash of the server empties the table, and no attempt waits for the disk.
        prefixes=["UNLOGGED"] if on_postgresql else [],
    )
    op.create_index("ix_rate_limits_expires_at", "rate_limits", ["expires_at"])
    # SQLite cannot add a stored column to an existing table. The index stores the values instead.
    day = "(expires_at AT TIME ZONE 'UTC')::date" if on_postgresql else "date(expires_at)"
    op.add_column("sessions", sa.Column("expires_on", sa.Date(), sa.Computed(day, persisted=on_postgresql)))
    op.create_index("ix_sessions_expires_on", "sessions", ["expires_on"])
    op.drop_index("ix_sessions_expires_at", "sessions")
    if on_postgresql:
        # Leave room on each page, so that the next version of a row fits on the same page.
        op.execute("ALTER TABLE sessions SET (fillfactor = 85)")
