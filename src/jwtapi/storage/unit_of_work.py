"""One transaction and the repositories that work in it."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.events import EventRepository
from jwtapi.storage.rate_limits import RateLimitRepository
from jwtapi.storage.sessions import SessionRepository
from jwtapi.storage.users import UserRepository


class UnitOfWork:
    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        """For the repositories of features: `NoteRepository(uow.connection)`."""
        self.users = UserRepository(connection)
        self.sessions = SessionRepository(connection)
        self.events = EventRepository(connection)
        self.rate_limits = RateLimitRepository(connection)

    async def try_lock(self, task: str) -> bool:
        """Lock `task` until the transaction ends. Return False if another transaction of any process has the lock."""
        if self.connection.dialect.name == "sqlite":
            return True  # a transaction that writes has the only lock of the database
        return bool(
            (await self.connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(task))))).scalar()
        )
