"""Tries what a login does in the database, without leaving anything behind. Readiness means that this works.

On both kinds of database it runs statements like those of the requests, on no row. They fail if a table, a column or a
right is missing, on a standby, and if the database is read-only.

To find out whether the disk has room, it writes a small file and removes it: beside an SQLite file, and on PostgreSQL
by a query that needs more than `work_mem`. On PostgreSQL it also commits a transaction that writes to the log. So it
waits for the disk and for the standbys, as each login would.
"""

from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy import Connection, Executable, Table, delete, false, insert, select, text, update

from jwtapi.storage.metadata import erased_columns, stored_columns
from jwtapi.storage.schema import metadata

ROOM_BYTES = 64 * 1024
"""A login writes about 25 KB to SQLite's log."""

# The empty temp_tablespaces puts the file into the database's own tablespace, where its tables grow.
_USE_LITTLE_MEMORY = text("SELECT set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)")
_WRITE_A_FILE = text("SELECT count(*) FROM generate_series(1, 6000)")  # 14 bytes each
# PostgreSQL checks the right to use the sequence only when a number is taken, which a statement on no row does not do.
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


def rehearse_login(connection: Connection) -> None:
    """Run the statements. The caller must commit, because some errors occur only then."""
    for table in metadata.sorted_tables:
        for statement in _on_no_row(table):
            connection.execute(statement)
    if connection.dialect.name == "postgresql":
        for statement in (_MAY_NUMBER_EVENTS, _USE_LITTLE_MEMORY, _WRITE_A_FILE, _WRITE_TO_THE_LOG):
            connection.execute(statement)


def rehearse_housekeeping(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if table.info.get("pruned"):
            connection.execute(delete(table).where(false()))
        if erased := erased_columns(table):
            connection.execute(update(table).where(false()).values(dict.fromkeys(erased)))


def write_beside(path: Path) -> None:
    """Make sure that the file of an SQLite database exists, and that the disk has room.

    Raises:
        OSError
    """
    path.stat()
    with TemporaryFile(dir=path.parent, prefix=f"{path.name}-room-", buffering=0) as file:
        file.write(bytes(ROOM_BYTES))
