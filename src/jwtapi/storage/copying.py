"""Makes one database, TO, a copy of another, FROM, whichever of the two kinds each is.

The rows of both are laid side by side in the order of their keys, a page at a time, and TO is brought up to FROM. So it
may be broken off anywhere and run again, and a second run writes only what differs.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam, cast, delete, false, func, insert, select, update
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.exc import DBAPIError

from jwtapi.storage.events import events
from jwtapi.storage.metadata import persistent_tables, stored_columns
from jwtapi.storage.sides import PAGE, CannotCopy, Connected, Rows, Side, canonical, cause_of, open_side
from jwtapi.storage.users import users

Done = Callable[[int], object]
"""Told each time how many rows more are done."""

Watch = Callable[[str, int], AbstractContextManager[Done]]
"""Told what begins and to how many rows."""

_Act = Callable[[Connected, Rows, Rows], Awaitable[None]]


class WouldDestroy(Exception):
    """TO has what FROM does not: so many `users`, or if none, events that only a server on TO can have left."""

    def __init__(self, users: int) -> None:
        self.users = users
        super().__init__(users)


@dataclass(slots=True)
class Changes:
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    rows: int
    sha256: str
    """Of all rows in the order of their keys, in a form that does not depend on the kind of database."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was changed in a table of TO, and what was then found in both databases."""

    name: str
    changes: Changes
    source: Contents
    target: Contents


async def copy(
    source_url: str, target_url: str, *, overwrite: bool, watch: Watch, page_size: int = PAGE
) -> list[Copied]:
    """Bring TO's schema up to date, make its rows those of FROM, and read both again to see that they are.

    FROM is read as it was at the start, whatever is written to it meanwhile. `overwrite` permits what WouldDestroy is
    about.

    Raises:
        CannotCopy
        WouldDestroy: all rows of TO are as they were.
    """
    async with (
        open_side("FROM", source_url, must_exist=True, page_size=page_size) as original,
        original.snapshot() as source,
    ):
        await source.check_schema()
        async with open_side("TO", target_url, must_exist=False, page_size=page_size) as target:
            if await _are_one(original, source, target):
                raise CannotCopy("FROM and TO are the same database.")
            async with target.transaction() as connected:
                await connected.migrate()
            changes = await _Copying(source, target).run(overwrite=overwrite, watch=watch)
            async with target.snapshot() as result:
                return [await _compare(table, changes[table], source, result, watch) for table in persistent_tables()]


class _Copying:
    def __init__(self, source: Connected, target: Side) -> None:
        self._source = source
        self._target = target
        self._changes = {table: Changes() for table in persistent_tables()}

    async def run(self, *, overwrite: bool, watch: Watch) -> dict[Table, Changes]:
        strangers = await self._count_strangers()
        if not overwrite and (strangers or await self._was_in_service()):
            raise WouldDestroy(strangers)
        await self._free_names(overwrite=overwrite)
        for table in persistent_tables():
            with watch(f"Copying {table.name}", await self._source.count(table)) as done:
                await self._copy(table, done)
        await self._set_sequence()
        return self._changes

    async def _count_strangers(self) -> int:
        """Say how many users TO has that FROM does not have."""
        strangers = 0

        async def look(_: Connected, ours: Rows, theirs: Rows) -> None:
            nonlocal strangers
            strangers += len(theirs.keys() - ours.keys())

        await self._side_by_side((users.c.id,), look)
        return strangers

    async def _was_in_service(self) -> bool:
        """Tell whether the newest event of TO came about there: FROM has none such."""
        columns = stored_columns(events)
        async with self._target.transaction() as target:
            theirs = await target.first(select(*columns).order_by(events.c.id.desc()).limit(1))
        if theirs is None:
            return False
        ours = await self._source.first(select(*columns).where(events.c.id == theirs[0]))
        return ours is None or canonical(ours) != canonical(theirs)

    async def _free_names(self, *, overwrite: bool) -> None:
        """Delete the users whose names may have another owner by now.

        Names are unique, so who lets go of one goes before who gets it, whatever the order of their ids.
        """

        async def free(target: Connected, ours: Rows, theirs: Rows) -> None:
            gone = theirs.keys() - ours.keys() if overwrite else set()
            renamed = {key for key in theirs.keys() & ours.keys() if ours[key] != theirs[key]}
            await self._delete(target, users, gone | renamed)

        await self._side_by_side((users.c.id, users.c.canonical_username), free)

    async def _copy(self, table: Table, done: Done) -> None:
        async def bring_up(target: Connected, ours: Rows, theirs: Rows) -> None:
            if table is not users:  # whom it was right to delete is gone; who else is there has come since
                await self._delete(target, table, theirs.keys() - ours.keys())
            common = ours.keys() & theirs.keys()
            differing = [ours[key] for key in common if canonical(ours[key]) != canonical(theirs[key])]
            missing = [row for key, row in ours.items() if key not in theirs]
            try:
                await self._update(target, table, differing)
                await self._insert(target, table, missing)
            except DBAPIError as error:
                raise CannotCopy(
                    f"TO does not take the {table.name} from {min(ours)} to {max(ours)}: {cause_of(error)}."
                ) from error

        await self._side_by_side(stored_columns(table), bring_up, done)

    async def _side_by_side(
        self, columns: Sequence[ColumnElement[Any]], act: _Act, done: Done = lambda _: None
    ) -> None:
        """Give `act` the rows of both databases, one range of keys after the other, each in a transaction on TO.

        `done` is told of FROM's rows.
        """
        after = None
        while True:
            async with self._target.transaction() as target:
                ours = await self._source.page(columns, after)
                theirs = await target.page(columns, after)
                # What lies behind the last row of a full page is not known: the nearer of two ends counts.
                after = min((max(page) for page in (ours, theirs) if len(page) == target.page_size), default=None)
                ours, theirs = _up_to(after, ours), _up_to(after, theirs)
                await act(target, ours, theirs)
            done(len(ours))
            if after is None:
                return

    async def _insert(self, target: Connected, table: Table, rows: list[Row[Any]]) -> None:
        if rows:
            await target.connection.execute(insert(table), [row._asdict() for row in rows])
        self._changes[table].inserted += len(rows)

    async def _update(self, target: Connected, table: Table, rows: list[Row[Any]]) -> None:
        if rows:
            values = [row._asdict() for row in rows]
            await target.connection.execute(
                update(table).where(table.c.id == bindparam("key_of_row")),
                [others | {"key_of_row": key} for others in values for key in (others.pop("id"),)],
            )
        self._changes[table].updated += len(rows)

    async def _delete(self, target: Connected, table: Table, keys: set[Any]) -> None:
        if keys:
            await target.connection.execute(delete(table).where(table.c.id.in_(keys)))
        self._changes[table].deleted += len(keys)

    async def _set_sequence(self) -> None:
        """Let PostgreSQL count on behind the highest id of an event; SQLite does so by itself."""
        if self._target.path is not None:
            return
        sequence = cast(func.pg_get_serial_sequence(events.name, "id"), REGCLASS)
        free = select(func.coalesce(func.max(events.c.id), 0) + 1).scalar_subquery()
        async with self._target.transaction() as target:
            await target.connection.execute(select(func.setval(sequence, free, false())))


async def _are_one(original: Side, source: Connected, target: Side) -> bool:
    if original.path is not None or target.path is not None:
        return original.path is not None and target.path is not None and original.path.samefile(target.path)
    # URLs do not tell, for a server has many names. A lock of one database cannot be had a second time.
    key = secrets.randbits(63)
    await source.first(select(func.pg_advisory_xact_lock(key)))
    async with target.transaction() as connected:
        return await connected.first(select(func.pg_try_advisory_xact_lock(key))) != (True,)


async def _compare(table: Table, changes: Changes, source: Connected, target: Connected, watch: Watch) -> Copied:
    sides = (source, target)
    rows = [await side.count(table) for side in sides]
    with watch(f"Comparing {table.name}", sum(rows)) as done:
        sums = [await _sha256(side, table, done) for side in sides]
    return Copied(table.name, changes, *(Contents(*found) for found in zip(rows, sums, strict=True)))


async def _sha256(side: Connected, table: Table, done: Done) -> str:
    sha256 = hashlib.sha256()
    after = None
    while page := await side.page(stored_columns(table), after):
        for row in page.values():
            sha256.update(canonical(row))
        after = max(page)
        done(len(page))
    return sha256.hexdigest()


def _up_to(end: Any, page: Rows) -> Rows:
    return {key: row for key, row in page.items() if end is None or key <= end}
