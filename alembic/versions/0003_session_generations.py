"""Columns that decide what a late refresh token is worth, and an index that finds a user's sessions quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("previously_refreshed_at", sa.DateTime(timezone=True)))
    op.add_column("sessions", sa.Column("arrived_generation", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("late_generation", sa.Integer()))
    is_unrevoked = sa.text("revoked_at IS NULL")
    op.create_index(
        "ix_sessions_user_id_unrevoked",
        "sessions",
        ["user_id"],
        sqlite_where=is_unrevoked,
        postgresql_where=is_unrevoked,
    )
