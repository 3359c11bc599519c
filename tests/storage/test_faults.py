import pytest
from asyncpg.exceptions import ConnectionDoesNotExistError, InterfaceError
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
def test_a_connection_that_is_lost_is_no_refusal(cause: Exception, words: str) -> None:
    error = StorageUnavailable()
    error.__cause__ = cause
    assert describe(error).startswith(f"the database does not answer: {words}")
