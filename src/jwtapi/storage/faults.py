"""Describes errors of the database so that an operator can act, without repeating a URL."""

import errno
import os
import ssl
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy.exc import DataError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jwtapi.errors import StorageUnavailable

MISUSED = frozenset({"0A000", "26000", "3F000", "42501", "42703", "42804", "42883", "42P01", "42P05"})
"""SQLSTATEs of faults that an operator causes: a missing right, table, column, type or schema, a server that is not
PostgreSQL, or a pooler that loses prepared statements."""

_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        # SQLSTATEs, or their first two characters, which are the class
        "08P01": "Leave out of DATABASE_URL the parameters that the pooler does not support.",
        "0A000": "This is not PostgreSQL: name a PostgreSQL server in DATABASE_URL.",
        "28": "Is the password in DATABASE_URL right, and may this role sign in from here?",
        "3D000": "Create the database, or name another one in DATABASE_URL.",
        "42501": "GRANT the role of DATABASE_URL what is missing.",
        "42P01": "Restore the database from a backup, or correct search_path.",
        "42703": "Restore the database from a backup, or correct search_path.",
        "42601": "Correct the parameters in DATABASE_URL.",
        "42804": "Restore the database from a backup, or correct search_path.",
        "42883": "This is not PostgreSQL: name a PostgreSQL server in DATABASE_URL.",
        "42P07": "Another program has that name: give jwtapi a database of its own.",
        "42701": "Another program has that name: give jwtapi a database of its own.",
        "42704": "Leave out of DATABASE_URL the parameters that PostgreSQL does not support.",
        "42P05": "A pooler loses prepared statements: set DATABASE_STATEMENT_CACHE=0, or upgrade the pooler.",
        "26000": "A pooler loses prepared statements: set DATABASE_STATEMENT_CACHE=0, or upgrade the pooler.",
        "22023": "Correct the parameters in DATABASE_URL.",
        "3F000": "Create the schema that search_path names, or name another one.",
        "25006": "It is a standby or read-only: name the primary in DATABASE_URL, or permit writing.",
        "53100": "Make room on the database's disk.",
        "53300": "Raise max_connections, lower WORKERS, or use a pooler.",
        "57P03": "Try again when it has started.",
        # SQLite: the first two words of the name of the error
        "SQLITE_FULL": "Make room on the database's disk.",
        "SQLITE_READONLY": "Let this user write to the file and to its folder.",
        "SQLITE_CANTOPEN": "Let this user write to the file and to its folder.",
        "SQLITE_BUSY": "Another program holds the database's lock: end it.",
        "SQLITE_IOERR": "Is there room on the database's disk, and is the disk sound?",
        "SQLITE_NOTADB": "Name another file in DATABASE_URL.",
        "SQLITE_CORRUPT": "Restore a backup.",
        "SQLITE_ERROR": "Restore the database from a backup.",
        # the operating system
        "ENOSPC": "Make room on the database's disk.",
        "EDQUOT": "Make room on the database's disk.",
        "EROFS": "Permit writing to the disk, or name another file in DATABASE_URL.",
        "EACCES": "Let this user write to the file and to its folder.",
        "EPERM": "Let this user write to the file and to its folder.",
        "ENOENT": "Do the folder and the files that DATABASE_URL names exist?",
        "EISDIR": "Name a file in DATABASE_URL.",
        "ECONNREFUSED": "Is it running, at the host and port of DATABASE_URL?",
        # the driver
        "ClientConfigurationError": "Do sslmode and its files in DATABASE_URL fit this server?",
        "TargetServerAttributeNotMatched": "No server of DATABASE_URL is what target_session_attrs requires.",
        # types of errors without a number that is listed above
        "ConnectionError": "Is it running, and does it accept TLS, which sslmode in DATABASE_URL requires?",
        "SSLError": "Do sslmode and sslrootcert in DATABASE_URL fit this server?",
        "gaierror": "Is the host in DATABASE_URL right, and does its name resolve here?",
    }
)
_OF_CONNECTION = frozenset({"SQLITE_READONLY", "25006", "42P01", "3F000", "InternalClientError"})
_LOST_CONNECTIONS = "08"
"""The class of SQLSTATEs that the driver itself sets if there is no answer."""

_PROTOCOL_VIOLATION = "08P01"
"""The only SQLSTATE of this class that a server or a pooler sends."""

_OUTAGES = frozenset(
    {
        # SQLSTATEs: the server starts, was stopped or has no connection left, or the connection is lost
        *("57P01", "57P02", "57P03", "53300", "08001", "08003", "08006"),
        # the operating system's: the server does not listen yet (ENOENT: on a socket file), no route, no answer
        *("ECONNREFUSED", "ENOENT", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "EPIPE"),
        *("ETIMEDOUT", "TimeoutError", "ConnectionError", "gaierror"),
        # the driver's: the server ends the connection
        "InternalClientError",
    }
)

_OTHER_ADVICE = "Is DATABASE_URL right, and is the database running?"


def is_of_operator(error: DataError | ProgrammingError) -> bool:
    """Return whether the cause is a change of the database, or an unusable URL, and not a bug of jwtapi."""
    failed_to_connect = error.statement is None
    return failed_to_connect or getattr(error.orig, "sqlstate", None) in MISUSED


def reason_of(error: BaseException) -> str:
    """Return the type of the error and its message, without a final full stop."""
    root = _root_of(error)
    return f"{type(root).__name__}: {_message_of(root)}"


def advice_on(error: BaseException) -> str:
    """Return a sentence that tells the operator what to do."""
    return next((_ADVICE[name] for name in _names_of(_root_of(error)) if name in _ADVICE), _OTHER_ADVICE)


def describe(error: BaseException) -> str:
    """Return one line: whether the database answers, the reason, and what to do."""
    return f"{outcome_of(error)}: {reason_of(error)}. {advice_on(error)}"


def outcome_of(error: BaseException) -> str:
    """Return whether the database answers at all, in words."""
    return "the database refuses" if has_answered(error) else "the database does not answer"


def has_answered(error: BaseException) -> bool:
    """Return whether the error comes from the database itself. Otherwise the database could not be reached."""
    root = _root_of(error)
    if state := getattr(root, "sqlstate", None):
        return state == _PROTOCOL_VIOLATION or not state.startswith(_LOST_CONNECTIONS)
    return _sqlite_name_of(root) not in {None, "SQLITE_CANTOPEN"}


def may_pass(error: BaseException) -> bool:
    """Return whether the error is an outage, which may end without help, and not a wrong configuration."""
    root = _root_of(error)
    # A server without TLS and a missing certificate file raise the same types of errors as an outage.
    is_of_tls = type(root) is ConnectionError and "SSL" in str(root)
    is_of_file = getattr(root, "filename", None) is not None
    return not (is_of_tls or is_of_file) and not _OUTAGES.isdisjoint(_names_of(root))


def is_out_of_connections(error: BaseException) -> bool:
    """Return whether the server refuses more connections, by its own limit, the database's or the role's."""
    return "53300" in _names_of(_root_of(error))


def belongs_to_connection(error: BaseException) -> bool:
    """Return whether a new connection may succeed where this one failed.

    A connection to SQLite stays read-only if the file was read-only when it was opened. A connection to PostgreSQL
    keeps the settings that were valid when it was opened. The driver cannot use a connection that the server ends.
    """
    return not _OF_CONNECTION.isdisjoint(_names_of(_root_of(error)))


def _root_of(error: BaseException) -> Any:
    """Return the error that the driver or the system raised. The layers above wrap it twice."""
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        error = error.__cause__
    wrapped: BaseException | None = getattr(error, "orig", None)
    return error if wrapped is None else wrapped.__cause__ or wrapped


def _message_of(root: Any) -> str:
    # Use only messages of the server, SQLite or the system. A message of the driver may repeat parts of the URL.
    if isinstance(root, OSError):
        return _message_of_system(root)
    if getattr(root, "sqlstate", None):
        return str(root.message or root).splitlines()[0]  # errors of the driver itself have no message
    if hasattr(root, "sqlite_errorname"):
        return str(root).splitlines()[0]
    if isinstance(root, TimeoutError | PoolTimeoutError):
        return "no answer in time"
    if type(root).__name__ == "InternalClientError":
        return "the connection is lost"
    return "the connection is closed" if "connection is closed" in str(root) else "the driver refuses its arguments"


def _message_of_system(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "verify_message", None) or error.reason or "TLS failed").rstrip(".")
    if type(error) is ConnectionError:  # raised by the driver
        return "the server takes no TLS" if "SSL" in str(error) else "the connection is lost"
    number: int | None = error.errno  # the resolver's numbers are negative
    return os.strerror(number) if number is not None and number > 0 else error.strerror or "no answer in time"


def _names_of(root: Any) -> Iterator[str]:
    if state := getattr(root, "sqlstate", None):
        yield from (state, state[:2])
    if (name := _sqlite_name_of(root)) is not None:
        yield "42P07" if "already exists" in str(root) else name
    if isinstance(root, ssl.SSLError):
        yield "SSLError"
    elif number := getattr(root, "errno", None):
        yield errno.errorcode.get(number, "")
    yield type(root).__name__


def _sqlite_name_of(root: Any) -> str | None:
    """Return the basic name of the error: SQLITE_READONLY for SQLITE_READONLY_DIRECTORY."""
    name: str | None = getattr(root, "sqlite_errorname", None)
    return "_".join(name.split("_")[:2]) if name is not None else None
