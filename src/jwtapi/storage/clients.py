"""Clients: the table, the record and the queries.

A client is a service or an app with an id and a secret of its own.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, Index, LargeBinary, String, Table, Uuid, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from jwtapi.storage.metadata import columns_of, metadata
from jwtapi.storage.types import UtcDateTime

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False),
    # SHA-256. A fast hash suffices, because the secret has 256 random bits.
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "name", unique=True),
)


@dataclass(frozen=True, slots=True)
class Client:
    id: UUID
    name: str
    secret_hash: bytes = field(repr=False)
    scopes: list[str]
    """What it may do; see clients/scopes.py."""
    created_at: datetime


_COLUMNS = columns_of(clients, Client)


class ClientRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Client]:
        """Return every client, by name."""
        return [Client(*row) for row in self._connection.execute(select(*_COLUMNS).order_by(clients.c.name))]

    def get(self, client_id: UUID) -> Client | None:
        row = self._connection.execute(select(*_COLUMNS).where(clients.c.id == client_id)).one_or_none()
        return Client(*row) if row is not None else None

    def by_name(self, name: str) -> Client | None:
        row = self._connection.execute(select(*_COLUMNS).where(clients.c.name == name)).one_or_none()
        return Client(*row) if row is not None else None

    def add(self, client: Client) -> bool:
        """Return False if there is a client of this name. If several requests add the same name, one of them does."""
        values = {column.name: getattr(client, column.name) for column in _COLUMNS}
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(clients).values(values).on_conflict_do_nothing(index_elements=[clients.c.name])
        return self._connection.execute(statement).rowcount == 1

    def delete(self, client_id: UUID) -> bool:
        """Return False if there was none."""
        return self._connection.execute(delete(clients).where(clients.c.id == client_id)).rowcount == 1
