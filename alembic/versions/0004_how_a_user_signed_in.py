"""How each session was opened, users without a password, and the actor and the details of events."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("amr", sa.JSON()))
    op.add_column("sessions", sa.Column("auth_time", sa.DateTime(timezone=True)))
    op.add_column("sessions", sa.Column("address", sa.String(64)))
    op.add_column("sessions", sa.Column("user_agent", sa.String(256)))
    op.add_column("events", sa.Column("actor_id", sa.Uuid()))
    op.add_column("events", sa.Column("details", sa.JSON()))
    _let_users_have_no_password()


def _let_users_have_no_password() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("users", "password_hash", nullable=True)
        return
    # SQLite cannot drop NOT NULL. The usual way, a copy of the table, would delete all sessions, because they refer to
    # users and foreign keys are on.
    op.add_column("users", sa.Column("nullable_password_hash", sa.String(255)))
    op.execute("UPDATE users SET nullable_password_hash = password_hash")
    op.execute("ALTER TABLE users DROP COLUMN password_hash")
    op.execute("ALTER TABLE users RENAME COLUMN nullable_password_hash TO password_hash")
