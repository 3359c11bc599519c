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
        """Return whether this transaction is the only one, in any process, that does `task` now."""
        if self.connection.dialect.name == "sqlite":
            return True  # it holds the only lock of the database
        return bool(
            (await self.connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(task))))).scalar()
        )
