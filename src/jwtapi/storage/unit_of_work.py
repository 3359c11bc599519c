"""One transaction and the repositories that work in it."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.repositories.events import EventRepository
from jwtapi.storage.repositories.rate_limits import RateLimitRepository
from jwtapi.storage.repositories.sessions import SessionRepository
from jwtapi.storage.repositories.users import UserRepository


class UnitOfWork:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.users = UserRepository(connection)
        self.sessions = SessionRepository(connection)
        self.events = EventRepository(connection)
        self.rate_limits = RateLimitRepository(connection)

    async def claim(self, task: str) -> bool:
        """Tell whether this transaction is the only one, in any process, that is at `task` now."""
        if self._connection.dialect.name == "sqlite":
            return True  # it has the one lock that there is
        return bool(
            (await self._connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtext(task))))).scalar()
        )
