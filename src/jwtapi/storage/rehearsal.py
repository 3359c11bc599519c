"""Does what a login does, and leaves nothing behind: what readiness means.

On both kinds of database each statement that answers to requests are made of is run on no row. That finds a missing
table, column or right, a standby and a database that is set read-only, and writes nothing.

Whether there is room on the disk shows in a small file that is gone at once: beside an SQLite file, and on PostgreSQL
one of those into which it puts what exceeds `work_mem`. And PostgreSQL commits a transaction that its log has to take,
so that it waits for the disk and for the standbys that each login would wait for.
"""

from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy import Executable, Table, delete, false, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.tables import FILLED_BY_DATABASE, events, metadata, rate_limits, sessions

ROOM_BYTES = 64 * 1024
"""A login writes some 25 KB to SQLite's log."""

_NEVER_UPDATED = frozenset({events})
_DELETED_BY_REQUESTS = frozenset({rate_limits})
_DELETED_BY_HOUSEKEEPING = (sessions, events)

# The table in the database's own tablespace, where its tables grow.
_USE_LITTLE_MEMORY = text("SELECT set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)")
_WRITE_A_FILE = text("SELECT count(*) FROM generate_series(1, 6000)")  # 14 bytes each
# The right to its next number is asked for only when that is taken.
_MAY_NUMBER_EVENTS = text("""
    DO $$ BEGIN
        IF NOT has_sequence_privilege(pg_get_serial_sequence('events', 'id'), 'USAGE') THEN
            RAISE insufficient_privilege USING MESSAGE = 'permission denied for the sequence of events.id';
        END IF;
    END $$
""")
_WRITE_TO_THE_LOG = text("SELECT pg_logical_emit_message(true, 'jwtapi', '')")


def _on_no_row(table: Table) -> list[Executable]:
    columns = [column for column in table.c if column not in FILLED_BY_DATABASE]
    statements: list[Executable] = [insert(table).from_select(columns, select(*columns).where(false()))]
    if table not in _NEVER_UPDATED:
        statements.append(update(table).where(false()).values({column: column for column in columns}))
    if table in _DELETED_BY_REQUESTS:
        statements.append(delete(table).where(false()))
    return statements


_REQUESTS = [statement for table in metadata.sorted_tables for statement in _on_no_row(table)]
_HOUSEKEEPING = [delete(table).where(false()) for table in _DELETED_BY_HOUSEKEEPING]


async def rehearse_login(connection: AsyncConnection) -> None:
    """To be committed by the caller."""
    for statement in _REQUESTS:
        await connection.execute(statement)
    if connection.dialect.name == "postgresql":
        for statement in (_MAY_NUMBER_EVENTS, _USE_LITTLE_MEMORY, _WRITE_A_FILE, _WRITE_TO_THE_LOG):
            await connection.execute(statement)


async def rehearse_housekeeping(connection: AsyncConnection) -> None:
    for statement in _HOUSEKEEPING:
        await connection.execute(statement)


def write_beside(path: Path) -> None:
    """See that the file of an SQLite database is there, and room beside it.

    Raises:
        OSError
    """
    path.stat()
    with TemporaryFile(dir=path.parent, prefix=f"{path.name}-room-", buffering=0) as file:
        file.write(bytes(ROOM_BYTES))
