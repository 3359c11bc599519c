"""What the tables have in common. Each table is in one file with its record and its queries."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Column, MetaData, Table

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

COMPUTED = {"computed": True}
"""`info` of a column that each database fills by itself."""

TRANSIENT = {"transient": True}
"""`info` of a table whose rows matter for minutes only. `jwtapi db copy` leaves them out."""

INSERT_ONLY = {"insert_only": True}
"""`info` of a table whose rows no statement updates."""

PRUNED = {"pruned": True}
"""`info` of a table from which housekeeping deletes."""


def stored_columns(table: Table) -> list[Column[Any]]:
    """The columns that jwtapi writes."""
    return [column for column in table.c if not column.info.get("computed")]


def columns_of(table: Table, record: type) -> list[Column[Any]]:
    """The columns of `table` in the order of the fields of `record`, a dataclass, so that `record(*row)` is right.

    Raises:
        KeyError: the table has no column of a field's name.
    """
    return [table.c[field.name] for field in fields(record)]


def persistent_tables() -> list[Table]:
    """The tables whose rows must not be lost, in the order in which a copy fills them.

    A table comes after those that its foreign keys refer to, and a table that only grows comes last: then the newest
    row that the target of a copy has shows whether the copy was complete.
    """
    tables = [table for table in metadata.sorted_tables if not table.info.get("transient")]
    return sorted(tables, key=lambda table: bool(table.info.get("insert_only")))
