"""Service accounts, metadata, external ids, API keys, and what the administration searches for."""

from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("users", sa.Column("metadata", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("users", sa.Column("external_id", sa.String(255)))
    op.add_column("users", sa.Column("is_service_account", sa.Boolean(), server_default=sa.false(), nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        # The order of code points, which SQLite has too, so that an index finds names by their beginnings. PostgreSQL
        # builds the indexes of the columns again, but does not rewrite the table.
        for column, length in (("canonical_username", 255), ("canonical_email", 320)):
            op.alter_column("users", column, type_=sa.String(length, collation="C"))
    op.create_index("ix_users_external_id", "users", ["external_id"], unique=True)
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])
    is_disabled = sa.text("disabled_at IS NOT NULL")
    op.create_index(
        "ix_users_disabled_canonical_username",
        "users",
        ["canonical_username"],
        sqlite_where=is_disabled,
        postgresql_where=is_disabled,
    )
    is_service = sa.text("is_service_account")
    op.create_index(
        "ix_users_service_canonical_username",
        "users",
        ["canonical_username"],
        sqlite_where=is_service,
        postgresql_where=is_service,
    )
    op.create_table(
        "user_roles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(1024), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_user_roles"),
    )
    op.create_index("ix_user_roles_role_user_id", "user_roles", ["role", "user_id"])
    op.create_index("ix_user_roles_user_id", "user_roles", ["user_id"])
    _fill_user_roles()
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("roles", sa.JSON()),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("last_used_at", moment),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_user_id_created_at_id", "api_keys", ["user_id", "created_at", "id"])
    op.create_index("ix_api_keys_created_at_id", "api_keys", ["created_at", "id"])
    op.create_index("ix_api_keys_expires_at", "api_keys", ["expires_at"])
    op.create_index("ix_events_type_id", "events", ["type", "id"])
    for column in ("actor_id", "address"):
        is_known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_events_{column}_id", "events", [column, "id"], sqlite_where=is_known, postgresql_where=is_known
        )


def _fill_user_roles() -> None:
    users = sa.table("users", sa.column("id", sa.Uuid()), sa.column("roles", sa.JSON()))
    user_roles = sa.table(
        "user_roles", sa.column("id", sa.Uuid()), sa.column("user_id", sa.Uuid()), sa.column("role", sa.String())
    )
    connection = op.get_bind()
    after = UUID(int=0)
    while page := connection.execute(
        sa.select(users).where(users.c.id > after).order_by(users.c.id).limit(10_000)
    ).all():
        rows = [
            {"id": uuid5(user_id, role), "user_id": user_id, "role": role}
            for user_id, roles in page
            for role in dict.fromkeys(roles)
        ]
        if rows:
            connection.execute(sa.insert(user_roles), rows)
        after = page[-1].id
