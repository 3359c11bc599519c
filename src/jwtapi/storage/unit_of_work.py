"""One transaction and the repositories that work in it."""

from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.repositories.events import EventRepository
from jwtapi.storage.repositories.sessions import SessionRepository
from jwtapi.storage.repositories.users import UserRepository


class UnitOfWork:
    def __init__(self, connection: AsyncConnection) -> None:
        self.users = UserRepository(connection)
        self.sessions = SessionRepository(connection)
        self.events = EventRepository(connection)
