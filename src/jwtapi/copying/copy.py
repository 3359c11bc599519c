"""Makes the database TO a copy of the database FROM. Each of them may be SQLite or PostgreSQL.

The copy reads the rows of both databases in the order of their keys, one page at a time, compares them, and writes to
TO only the differences. So a copy can be interrupted at any point and run again: the second run writes the rest.
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

from jwtapi.copying.endpoints import (
    PAGE,
    CannotCopy,
    CopyEndpoint,
    EndpointConnection,
    Rows,
    canonical,
    cause_of,
    open_endpoint,
)
from jwtapi.storage.events import events
from jwtapi.storage.metadata import erased_columns, persistent_tables, stored_columns, unique_columns
from jwtapi.storage.users import users

Advance = Callable[[int], object]
"""Is called after each page with the number of rows that were processed."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Is called when a step begins, with the name of the step and the number of its rows."""

_PageHandler = Callable[[EndpointConnection, Rows, Rows], Awaitable[None]]
"""Gets the connection to TO, and the rows of FROM and of TO that lie in the same range of keys."""


class TargetHasMore(Exception):
    """TO has data that FROM does not have, and a copy would delete it.

    `users` is the number of users that only TO has. If it is 0, a server on TO has written events that FROM does not
    have.
    """

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
    """The hash of all rows in the order of their keys, in a form that does not depend on the kind of database."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What the copy changed in one table of TO, and what both databases contained afterwards."""

    name: str
    changes: Changes
    source: Contents
    target: Contents


async def copy_database(
    source_url: str, target_url: str, *, overwrite: bool, progress: Progress, page_size: int = PAGE
) -> list[Copied]:
    """Bring TO's schema up to date, make TO's rows equal to FROM's, and read both databases again to compare them.

    The copy reads FROM as it was at the start, even if a server writes to FROM during the copy. `overwrite` permits the
    copy to delete what only TO has.

    Raises:
        CannotCopy
        TargetHasMore: without `overwrite`. No row of TO was changed.
    """
    async with (
        open_endpoint("FROM", source_url, must_exist=True, page_size=page_size) as original,
        original.snapshot() as source,
    ):
        await source.check_schema()
        async with open_endpoint("TO", target_url, must_exist=False, page_size=page_size) as target:
            if await _are_the_same(original, source, target):
                raise CannotCopy("FROM and TO are the same database.")
            async with target.transaction() as connected:
                await connected.migrate()
            changes = await _Copying(source, target).run(overwrite=overwrite, progress=progress)
            async with target.snapshot() as result:
                return [
                    await _compare(table, changes[table], source, result, progress) for table in persistent_tables()
                ]


class _Copying:
    def __init__(self, source: EndpointConnection, target: CopyEndpoint) -> None:
        self._source = source
        self._target = target
        self._changes = {table: Changes() for table in persistent_tables()}

    async def run(self, *, overwrite: bool, progress: Progress) -> dict[Table, Changes]:
        only_in_target = await self._count_users_only_in_target()
        if not overwrite and (only_in_target or await self._was_in_service()):
            raise TargetHasMore(only_in_target)
        for table in persistent_tables():
            await self._free_unique_values(table, overwrite=overwrite)
        for table in persistent_tables():
            with progress(f"Copying {table.name}", await self._source.count(table)) as advance:
                await self._copy(table, advance)
        await self._set_sequence()
        return self._changes

    async def _count_users_only_in_target(self) -> int:
        only_in_target = 0

        async def count(_: EndpointConnection, in_source: Rows, in_target: Rows) -> None:
            nonlocal only_in_target
            only_in_target += len(in_target.keys() - in_source.keys())

        await self._for_each_page((users.c.id,), count)
        return only_in_target

    async def _was_in_service(self) -> bool:
        """Return whether a server on TO wrote TO's newest event: then FROM does not have the same event.

        FROM may have erased parts of the event since the last copy.
        """
        columns = [column for column in stored_columns(events) if column not in erased_columns(events)]
        async with self._target.transaction() as target:
            in_target = await target.first(select(*columns).order_by(events.c.id.desc()).limit(1))
        if in_target is None:
            return False
        in_source = await self._source.first(select(*columns).where(events.c.id == in_target[0]))
        return in_source is None or canonical(in_source) != canonical(in_target)

    async def _free_unique_values(self, table: Table, *, overwrite: bool) -> None:
        """Delete from TO the rows whose unique values may belong to other rows by now.

        A user name and an e-mail address have one owner. If a name moved to another user, the row of the old owner must
        be deleted before that of the new one is written, in whatever order their ids come.
        """
        unique = unique_columns(table)
        if not unique:
            return

        def has_moved(here: Sequence[Any], there: Sequence[Any]) -> bool:
            return any(theirs is not None and ours != theirs for ours, theirs in zip(here, there, strict=True))

        async def free(target: EndpointConnection, in_source: Rows, in_target: Rows) -> None:
            deleted = in_target.keys() - in_source.keys() if overwrite or table is not users else set()
            moved = {
                key for key in in_target.keys() & in_source.keys() if has_moved(in_source[key][1:], in_target[key][1:])
            }
            await self._delete(target, table, deleted | moved)

        await self._for_each_page((table.c.id, *unique), free)

    async def _copy(self, table: Table, advance: Advance) -> None:
        async def write_differences(target: EndpointConnection, in_source: Rows, in_target: Rows) -> None:
            # `_free_unique_values` has deleted the users that had to be deleted. Any other user that only TO has
            # registered there during the copy, and is kept.
            if table is not users:
                await self._delete(target, table, in_target.keys() - in_source.keys())
            common = in_source.keys() & in_target.keys()
            differing = [in_source[key] for key in common if canonical(in_source[key]) != canonical(in_target[key])]
            missing = [row for key, row in in_source.items() if key not in in_target]
            try:
                await self._update(target, table, differing)
                await self._insert(target, table, missing)
            except DBAPIError as error:
                raise CannotCopy(
                    f"TO does not accept the {table.name} from {min(in_source)} to {max(in_source)}: {cause_of(error)}."
                ) from error

        await self._for_each_page(stored_columns(table), write_differences, advance)

    async def _for_each_page(
        self, columns: Sequence[ColumnElement[Any]], handle: _PageHandler, advance: Advance = lambda _: None
    ) -> None:
        """Call `handle` with the rows of both databases, one range of keys after the other.

        Each call has a transaction of its own on TO. `advance` counts FROM's rows.
        """
        after = None
        while True:
            async with self._target.transaction() as target:
                in_source = await self._source.page(columns, after)
                in_target = await target.page(columns, after)
                # After the last row of a full page there may be more rows. So the range ends where the first of the
                # full pages ends.
                after = min(
                    (max(page) for page in (in_source, in_target) if len(page) == target.page_size), default=None
                )
                in_source, in_target = _up_to(after, in_source), _up_to(after, in_target)
                await handle(target, in_source, in_target)
            advance(len(in_source))
            if after is None:
                return

    async def _insert(self, target: EndpointConnection, table: Table, rows: list[Row[Any]]) -> None:
        if rows:
            await target.connection.execute(insert(table), [row._asdict() for row in rows])
        self._changes[table].inserted += len(rows)

    async def _update(self, target: EndpointConnection, table: Table, rows: list[Row[Any]]) -> None:
        if rows:
            values = [row._asdict() for row in rows]
            await target.connection.execute(
                update(table).where(table.c.id == bindparam("key_of_row")),
                [others | {"key_of_row": key} for others in values for key in (others.pop("id"),)],
            )
        self._changes[table].updated += len(rows)

    async def _delete(self, target: EndpointConnection, table: Table, keys: set[Any]) -> None:
        if keys:
            await target.connection.execute(delete(table).where(table.c.id.in_(keys)))
        self._changes[table].deleted += len(keys)

    async def _set_sequence(self) -> None:
        """Let PostgreSQL continue after the highest id of an event. SQLite does so by itself."""
        if self._target.path is not None:
            return
        sequence = cast(func.pg_get_serial_sequence(events.name, "id"), REGCLASS)
        next_id = select(func.coalesce(func.max(events.c.id), 0) + 1).scalar_subquery()
        async with self._target.transaction() as target:
            await target.connection.execute(select(func.setval(sequence, next_id, false())))


async def _are_the_same(original: CopyEndpoint, source: EndpointConnection, target: CopyEndpoint) -> bool:
    if original.path is not None or target.path is not None:
        return original.path is not None and target.path is not None and original.path.samefile(target.path)
    # The URLs may differ, because a server can have many names. But while one connection has an advisory lock of a
    # database, no other connection can get it.
    key = secrets.randbits(63)
    await source.first(select(func.pg_advisory_xact_lock(key)))
    async with target.transaction() as connected:
        return await connected.first(select(func.pg_try_advisory_xact_lock(key))) != (True,)


async def _compare(
    table: Table, changes: Changes, source: EndpointConnection, target: EndpointConnection, progress: Progress
) -> Copied:
    endpoints = (source, target)
    rows = [await endpoint.count(table) for endpoint in endpoints]
    with progress(f"Comparing {table.name}", sum(rows)) as advance:
        hashes = [await _sha256(endpoint, table, advance) for endpoint in endpoints]
    return Copied(table.name, changes, *(Contents(*found) for found in zip(rows, hashes, strict=True)))


async def _sha256(endpoint: EndpointConnection, table: Table, advance: Advance) -> str:
    sha256 = hashlib.sha256()
    after = None
    while page := await endpoint.page(stored_columns(table), after):
        for row in page.values():
            sha256.update(canonical(row))
        after = max(page)
        advance(len(page))
    return sha256.hexdigest()


def _up_to(end: Any, page: Rows) -> Rows:
    return {key: row for key, row in page.items() if end is None or key <= end}
