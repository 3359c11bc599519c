"""E-mail addresses, deleted users, the outbox for mail, invitations, and names that are held back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    _add_columns_of_users()
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("recipient", sa.String(320)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_at", moment),
        sa.Column("last_error", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    is_waiting = sa.text("failed_at IS NULL")
    op.create_index("ix_mails_due_at", "mails", ["due_at"], sqlite_where=is_waiting, postgresql_where=is_waiting)
    has_failed = sa.text("failed_at IS NOT NULL")
    op.create_index("ix_mails_failed_at", "mails", ["failed_at"], sqlite_where=has_failed, postgresql_where=has_failed)
    op.create_index("ix_mails_user_id", "mails", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("canonical_email", sa.String(320), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_canonical_email", "invitations", ["canonical_email"], unique=True)
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"])
    op.create_table(
        "held_names",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("held_until", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_held_names"),
    )
    op.create_index("ix_held_names_name_mac", "held_names", ["name_mac"])
    op.create_index("ix_held_names_held_until", "held_names", ["held_until"])


def _add_columns_of_users() -> None:
    op.add_column("users", sa.Column("email", sa.String(320)))
    op.add_column("users", sa.Column("canonical_email", sa.String(320)))
    op.add_column("users", sa.Column("pending_email", sa.String(320)))
    op.add_column("users", sa.Column("former_email", sa.String(320)))
    op.add_column("users", sa.Column("former_email_until", moment))
    op.add_column("users", sa.Column("security_stamp", sa.LargeBinary(16)))
    op.add_column("users", sa.Column("last_login_at", moment))
    op.add_column("users", sa.Column("deleted_at", moment))
    op.create_index("ix_users_canonical_email", "users", ["canonical_email"], unique=True)
    is_deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_users_deleted_at", "users", ["deleted_at"], sqlite_where=is_deleted, postgresql_where=is_deleted
    )
