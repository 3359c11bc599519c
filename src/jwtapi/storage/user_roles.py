"""The roles of users as rows, so that an index finds the users who have a role.

Tokens carry what `users.roles` says. These rows repeat it, and are changed with it, in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, Uuid, delete, insert

from jwtapi.storage.metadata import metadata

user_roles = Table(
    "user_roles",
    metadata,
    # Made of the other two, so that the same role of the same user is the same row in a copy of the database.
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(1024), nullable=False),
    Index(None, "role", "user_id"),
)


def rows_of(user_id: UUID, roles: Iterable[str]) -> Sequence[Mapping[str, Any]]:
    """Return the rows that repeat the roles of a user."""
    return [{"id": uuid5(user_id, role), "user_id": user_id, "role": role} for role in dict.fromkeys(roles)]


def add_roles(connection: Connection, user_id: UUID, roles: Sequence[str]) -> None:
    """Add the rows of a user who has none."""
    if roles:
        connection.execute(insert(user_roles), rows_of(user_id, roles))


def replace_roles(connection: Connection, user_id: UUID, roles: Sequence[str]) -> None:
    connection.execute(delete(user_roles).where(user_roles.c.user_id == user_id))
    add_roles(connection, user_id, roles)
