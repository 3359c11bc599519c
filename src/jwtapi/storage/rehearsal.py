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

from jwtapi.storage.metadata import stored_columns
from jwtapi.storage.schema import metadata

ROOM_BYTES = 64 * 1024
"""A login writes some 25 KB to SQLite's log."""

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
    columns = stored_columns(table)
    statements: list[Executable] = [insert(table).from_select(columns, select(*columns).where(false()))]
    if not table.info.get("insert_only"):
        statements.append(update(table).where(false()).values({column: column for column in columns}))
    if table.info.get("transient"):
        statements.append(delete(table).where(false()))
    return statements


async def rehearse_login(connection: AsyncConnection) -> None:
    """To be committed by the caller."""
    for table in metadata.sorted_tables:
        for statement in _on_no_row(table):
            await connection.execute(statement)
    if connection.dialect.name == "postgresql":
        for statement in (_MAY_NUMBER_EVENTS, _USE_LITTLE_MEMORY, _WRITE_A_FILE, _WRITE_TO_THE_LOG):
            await connection.execute(statement)


async def rehearse_housekeeping(connection: AsyncConnection) -> None:
    for table in metadata.sorted_tables:
        if table.info.get("pruned"):
            await connection.execute(delete(table).where(false()))


def write_beside(path: Path) -> None:
    """See that the file of an SQLite database is there, and room beside it.

    Raises:
        OSError
    """
    path.stat()
    with TemporaryFile(dir=path.parent, prefix=f"{path.name}-room-", buffering=0) as file:
        file.write(bytes(ROOM_BYTES))
