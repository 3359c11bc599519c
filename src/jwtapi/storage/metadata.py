"""The metadata that all tables share. Each table is in one file with its record and its queries."""

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
"""`info` of a column that the database computes."""

TRANSIENT = {"transient": True}
"""`info` of a table whose rows are needed only for minutes. `jwtapi db copy` does not copy it."""

INSERT_ONLY = {"insert_only": True}
"""`info` of a table whose rows no statement updates, except that housekeeping erases them."""

ERASED = {"erased": True}
"""`info` of a column that housekeeping sets to NULL after the user of the row was deleted."""

PRUNED = {"pruned": True}
"""`info` of a table from which housekeeping deletes."""


def stored_columns(table: Table) -> list[Column[Any]]:
    """Return the columns that jwtapi writes."""
    return [column for column in table.c if not column.info.get("computed")]


def erased_columns(table: Table) -> list[Column[Any]]:
    """Return the columns that are ERASED."""
    return [column for column in table.c if column.info.get("erased")]


def unique_columns(table: Table) -> list[Column[Any]]:
    """Return the columns, except the primary key, of whose values no two rows have the same."""
    alone = [list(index.columns) for index in table.indexes if index.unique]
    by_index = {columns[0] for columns in alone if len(columns) == 1}
    return [column for column in table.c if column.unique or column in by_index]


def columns_of(table: Table, record: type) -> list[Column[Any]]:
    """Return the columns of `table` in the order of the fields of the dataclass `record`, so that `record(*row)` works.

    Raises:
        KeyError: the table has no column with the name of a field.
    """
    return [table.c[field.name] for field in fields(record)]


def persistent_tables() -> list[Table]:
    """Return the tables whose rows must not be lost, in the order in which a copy fills them.

    A table comes after the tables that its foreign keys refer to. Insert-only tables come last, because then the newest
    row in the target of a copy shows whether the copy was complete.
    """
    tables = [table for table in metadata.sorted_tables if not table.info.get("transient")]
    return sorted(tables, key=lambda table: bool(table.info.get("insert_only")))
