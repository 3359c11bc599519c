"""What a unit of work can do: the repositories, on one connection."""

from sqlalchemy import Connection, func, select

from jwtapi.storage.api_keys import ApiKeyRepository
from jwtapi.storage.clients import ClientRepository
from jwtapi.storage.events import EventRepository
from jwtapi.storage.held_names import HeldNameRepository
from jwtapi.storage.invitations import InvitationRepository
from jwtapi.storage.mails import MailRepository
from jwtapi.storage.rate_limits import RateLimitRepository
from jwtapi.storage.sessions import SessionRepository
from jwtapi.storage.signing_keys import SigningKeyRepository
from jwtapi.storage.users import UserRepository


class UnitOfWork:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        """For the repositories of features: `NoteRepository(uow.connection)`."""
        self.users = UserRepository(connection)
        self.events = EventRepository(connection)
        self.sessions = SessionRepository(connection, self.events)
        self.rate_limits = RateLimitRepository(connection)
        self.mails = MailRepository(connection)
        self.held_names = HeldNameRepository(connection)
        self.invitations = InvitationRepository(connection)
        self.signing_keys = SigningKeyRepository(connection)
        self.clients = ClientRepository(connection)
        self.api_keys = ApiKeyRepository(connection)

    def try_lock(self, task: str) -> bool:
        """Lock `task` until the transaction ends. Return False if another transaction of any process has the lock."""
        if self.connection.dialect.name == "sqlite":
            return True  # a transaction that writes has the only lock of the database
        return bool(self.connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(task)))).scalar())

    def lock(self, task: str) -> None:
        """As `try_lock`, but wait for the other transaction."""
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(task))))
