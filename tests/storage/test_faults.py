import pytest
from asyncpg.exceptions import (
    ConnectionDoesNotExistError,
    DuplicatePreparedStatementError,
    InterfaceError,
    InvalidSQLStatementNameError,
    PostgresError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.faults import describe


@pytest.mark.parametrize(
    ("cause", "words"),
    (
        (PoolTimeoutError("QueuePool limit"), "TimeoutError: no answer in time."),
        (TimeoutError(), "TimeoutError: no answer in time."),
        (
            InterfaceError("cannot call PreparedStatement.fetch(): the underlying connection is closed"),
            "InterfaceError: the connection is closed.",
        ),
        (
            ConnectionDoesNotExistError("connection was closed in the middle of operation"),
            "ConnectionDoesNotExistError: connection was closed in the middle of operation.",
        ),
    ),
)
def test_a_lost_connection_is_not_a_refusal_of_the_database(cause: Exception, words: str) -> None:
    error = StorageUnavailable()
    error.__cause__ = cause
    assert describe(error).startswith(f"the database does not answer: {words}")


@pytest.mark.parametrize("kind", (InvalidSQLStatementNameError, DuplicatePreparedStatementError))
def test_the_error_about_lost_prepared_statements_names_the_pooler(kind: type[Exception]) -> None:
    """What a PgBouncer before 1.21 in transaction mode makes PostgreSQL say."""
    error = StorageUnavailable()
    error.__cause__ = kind('prepared statement "__asyncpg_stmt_1__"')
    assert describe(error).startswith("the database refuses: ")
    assert "A pooler loses prepared statements: set DATABASE_STATEMENT_CACHE=0" in describe(error)


def test_a_pooler_that_refuses_a_parameter_counts_as_an_answer() -> None:
    """As PgBouncer does with all that are not in ignore_startup_parameters."""
    error = StorageUnavailable()
    error.__cause__ = PostgresError.new({"C": "08P01", "M": "unsupported startup parameter: search_path", "S": "FATAL"})
    assert describe(error) == (
        "the database refuses: ProtocolViolationError: unsupported startup parameter: search_path. "
        "Leave out of DATABASE_URL the parameters that the pooler does not support."
    )
