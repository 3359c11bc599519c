"""What the dashboard counts. Each statement reads a bounded number of rows, which an index finds."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Text, cast, func, select

from jwtapi.sign_in.events import LOGIN_FAILED, LOGIN_SUCCEEDED
from jwtapi.storage.events import events
from jwtapi.storage.users import users

MAX_EVENTS = 200_000
"""Events that are read to count sign-ins. That takes some tenths of a second."""

MAX_USERS = 1_000_000

_HOUR = timedelta(hours=1)
_LAST_NAME_OF_DELETED = " \U0010ffff"
"""The names of deleted users begin with a space. No other name does."""


class SignIns(NamedTuple):
    hour: datetime
    """When the hour began."""
    succeeded: int
    failed: int


class DashboardRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sign_ins(self, now: datetime, *, hours: int) -> list[SignIns]:
        """Count the sign-ins of each of the last hours, the present one included, the earliest hour first.

        If there are more than MAX_EVENTS events, the earliest hours are missing.
        """
        last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        first = last - (hours - 1) * _HOUR
        recent = (
            select(events.c.at, events.c.type)
            .where(events.c.at >= first)
            .order_by(events.c.at.desc())
            .limit(MAX_EVENTS)
            .subquery()
        )
        hour = (
            # SQLite stores a time as text: 2026-11-30 15:44:31.000000.
            func.substr(cast(recent.c.at, Text), 1, 13)
            if self._connection.dialect.name == "sqlite"
            else func.to_char(func.timezone("UTC", recent.c.at), "YYYY-MM-DD HH24")
        ).label("hour")
        of_types = [func.count().filter(recent.c.type == each.name) for each in (LOGIN_SUCCEEDED, LOGIN_FAILED)]
        rows = self._connection.execute(select(hour, func.count(), *of_types).group_by("hour")).all()
        counted = {datetime.fromisoformat(f"{row[0]}:00+00:00"): row[2:] for row in rows}
        if sum(row[1] for row in rows) >= MAX_EVENTS:
            first = min(counted) + _HOUR  # some events of the hour before may be missing
        return [
            SignIns(hour, *counted.get(hour, (0, 0)))
            for hour in (last - each * _HOUR for each in reversed(range(hours)))
            if hour >= first
        ]

    def users(self) -> int:
        """Count the users, without those who are deleted. The count ends at MAX_USERS."""
        names = select(users.c.canonical_username).where(users.c.canonical_username > _LAST_NAME_OF_DELETED)
        counted = select(func.count()).select_from(names.limit(MAX_USERS).subquery())
        return int(self._connection.execute(counted).scalar_one())
