"""Tickets of users who have proved one factor and must prove another: the table, the record and the queries.

A ticket is no session: it opens nothing, and no cache knows it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Uuid,
    delete,
    insert,
    select,
    update,
)

from jwtapi.storage.metadata import PRUNED, TRANSIENT, columns_of, metadata
from jwtapi.storage.types import UtcDateTime

MAX_TRIES = 5
"""Answers that a ticket takes, right or wrong."""

login_tickets = Table(
    "login_tickets",
    metadata,
    # SHA-256 of the ticket, which has 256 random bits.
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # SHA-256 of the user's `link_state`. The ticket is void when that changes.
    Column("user_state", LargeBinary(32), nullable=False),
    # How and when the user proved the first factor.
    Column("amr", JSON, nullable=False),
    Column("proved_at", UtcDateTime, nullable=False),
    # Where the attempt was counted; see sign_in/passwords.py.
    Column("bucket", String(255), nullable=False),
    # The client that the session will belong to. NULL: to none.
    Column("client_id", Uuid),
    # The session that the user proves again. NULL: a new one opens.
    Column("session_id", Uuid),
    # Whether the user sets up the first second factor with this ticket.
    Column("enrols", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    info=TRANSIENT | PRUNED,
)


@dataclass(frozen=True, slots=True)
class LoginTicket:
    token_hash: bytes = field(repr=False)
    user_id: UUID
    user_state: bytes = field(repr=False)
    """The ticket is void when the state of the user is another one."""
    amr: list[str]
    proved_at: datetime
    bucket: str
    """Where the attempt was counted."""
    client_id: UUID | None
    """The client that the session will belong to."""
    session_id: UUID | None
    """The session that the user proves again. None: a new one opens."""
    enrols: bool
    """Whether the user sets up the first second factor with this ticket."""
    expires_at: datetime
    tries: int = 0
    """How many answers were judged, right or wrong."""


_COLUMNS = columns_of(login_tickets, LoginTicket)


class LoginTicketRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, ticket: LoginTicket) -> None:
        self._connection.execute(
            insert(login_tickets).values({column.name: getattr(ticket, column.name) for column in _COLUMNS})
        )

    def get(self, token_hash: bytes, now: datetime) -> LoginTicket | None:
        """Return the ticket, unless it has expired or is used up."""
        query = select(*_COLUMNS).where(
            login_tickets.c.token_hash == token_hash,
            login_tickets.c.tries < MAX_TRIES,
            login_tickets.c.expires_at > now,
        )
        row = self._connection.execute(query).one_or_none()
        return LoginTicket(*row) if row is not None else None

    def claim_try(self, token_hash: bytes, now: datetime) -> LoginTicket | None:
        """Count a try before it is judged, and return the ticket. None: it is unknown, expired or used up.

        However many requests send answers at once, MAX_TRIES of them are judged. This is one statement, which can
        commit by itself.
        """
        statement = (
            update(login_tickets)
            .where(
                login_tickets.c.token_hash == token_hash,
                login_tickets.c.tries < MAX_TRIES,
                login_tickets.c.expires_at > now,
            )
            .values(tries=login_tickets.c.tries + 1)
            .returning(*_COLUMNS)
        )
        row = self._connection.execute(statement).one_or_none()
        return LoginTicket(*row) if row is not None else None

    def use(self, token_hash: bytes) -> bool:
        """Delete the ticket. If several requests use it, one of them gets True."""
        statement = delete(login_tickets).where(login_tickets.c.token_hash == token_hash)
        return self._connection.execute(statement).rowcount == 1

    def prune(self, now: datetime, *, limit: int) -> int:
        """Delete up to `limit` expired tickets, and return how many."""
        expired = select(login_tickets.c.token_hash).where(login_tickets.c.expires_at <= now).limit(limit)
        statement = delete(login_tickets).where(login_tickets.c.token_hash.in_(expired))
        return self._connection.execute(statement).rowcount
