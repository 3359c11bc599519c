"""What a database says is wrong, in words that an operator can act on, and that repeat no URL."""

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
"""SQLSTATEs that say what an operator changed behind our back: a right, table, column, type or schema that is missing,
a database that is no PostgreSQL, a pooler that loses prepared statements."""

_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        # SQLSTATE, or its first two characters, which are its class
        "08P01": "Leave out of DATABASE_URL the parameters that a pooler between does not take.",
        "0A000": "This is not PostgreSQL: name a PostgreSQL server in DATABASE_URL.",
        "28": "Is the password in DATABASE_URL right, and may this role sign in from here?",
        "3D000": "Create the database, or name another one in DATABASE_URL.",
        "42501": "GRANT the role of DATABASE_URL what is missing.",
        "42P01": "Restore it from a backup; or does search_path lead elsewhere?",
        "42703": "Restore it from a backup; or does search_path lead elsewhere?",
        "42601": "Mend the parameters in DATABASE_URL.",
        "42804": "Restore it from a backup; or does search_path lead elsewhere?",
        "42883": "This is not PostgreSQL: name a PostgreSQL server in DATABASE_URL.",
        "42P07": "Another program has that name: give jwtapi a database of its own.",
        "42701": "Another program has that name: give jwtapi a database of its own.",
        "42704": "Leave out of DATABASE_URL the parameters that PostgreSQL does not have.",
        "42P05": "A pooler between does not keep prepared statements: set DATABASE_STATEMENT_CACHE=0, or upgrade it.",
        "26000": "A pooler between does not keep prepared statements: set DATABASE_STATEMENT_CACHE=0, or upgrade it.",
        "22023": "Mend the parameters in DATABASE_URL.",
        "3F000": "Create the schema that search_path names, or name another one.",
        "25006": "It is a standby or set read-only: name the primary in DATABASE_URL, or permit writing.",
        "53100": "Make room on the database's disk.",
        "53300": "Raise max_connections, lower WORKERS, or put a pooler between.",
        "57P03": "Try again when it has started.",
        # SQLite, whose longer names begin with these
        "SQLITE_FULL": "Make room on the database's disk.",
        "SQLITE_READONLY": "Let this user write to the file and to its folder.",
        "SQLITE_CANTOPEN": "Let this user write to the file and to its folder.",
        "SQLITE_BUSY": "Another program holds the database's lock: end it.",
        "SQLITE_IOERR": "Is there room on the database's disk, and is the disk sound?",
        "SQLITE_NOTADB": "Name another file in DATABASE_URL.",
        "SQLITE_CORRUPT": "Restore a backup.",
        "SQLITE_ERROR": "Restore it from a backup.",
        # the system
        "ENOSPC": "Make room on the database's disk.",
        "EDQUOT": "Make room on the database's disk.",
        "EROFS": "Permit writing to the disk, or name another file in DATABASE_URL.",
        "EACCES": "Let this user write to the file and to its folder.",
        "EPERM": "Let this user write to the file and to its folder.",
        "ENOENT": "Do the folder and the files that DATABASE_URL names exist?",
        "EISDIR": "Name a file in DATABASE_URL.",
        "ECONNREFUSED": "Is it running, at the host and port of DATABASE_URL?",
        # the driver
        "ClientConfigurationError": "Are sslmode and the files that it needs those of this server, in DATABASE_URL?",
        "TargetServerAttributeNotMatched": "No server of DATABASE_URL is what target_session_attrs asks for.",
        # of TLS, whose errors have numbers of their own
        "ConnectionError": "Is it running, and does it accept TLS, which sslmode in DATABASE_URL requires?",
        "SSLError": "Are sslmode and sslrootcert in DATABASE_URL those of this server?",
        "gaierror": "Is the host in DATABASE_URL right, and does its name resolve here?",
    }
)
_OF_CONNECTION = frozenset({"SQLITE_READONLY", "25006", "42P01", "3F000"})
_OF_LOST_CONNECTIONS = "08"
"""The class of SQLSTATEs that the driver gives itself, for want of an answer."""

_PROTOCOL_VIOLATION = "08P01"
"""The one of them that a server or a pooler says."""

_OUTAGES = frozenset(
    {
        # SQLSTATEs: it starts, it was stopped, it has no connection left, the connection is lost
        *("57P01", "57P02", "57P03", "53300", "08001", "08003", "08006"),
        # the system's: nobody listens there yet, ENOENT of a socket; no way leads there; no answer
        *("ECONNREFUSED", "ENOENT", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "EPIPE"),
        *("ETIMEDOUT", "TimeoutError", "ConnectionError", "gaierror"),
    }
)

_OTHERWISE = "Is DATABASE_URL right, is it running?"


def is_of_operator(error: DataError | ProgrammingError) -> bool:
    """Tell whether somebody changed the database, or wrote into its URL what it does not take: no fault of ours."""
    is_of_connecting = error.statement is None
    return is_of_connecting or getattr(error.orig, "sqlstate", None) in MISUSED


def reason_of(error: BaseException) -> str:
    """The kind of error and what the driver says of it, without a final full stop."""
    root = _root_of(error)
    return f"{type(root).__name__}: {_words_of(root)}"


def advice_on(error: BaseException) -> str:
    """A sentence that says what to do."""
    return next((_ADVICE[name] for name in _names_of(_root_of(error)) if name in _ADVICE), _OTHERWISE)


def describe(error: BaseException) -> str:
    """One line: whether the database answers at all, what it says, and what to do."""
    return f"{outcome_of(error)}: {reason_of(error)}. {advice_on(error)}"


def outcome_of(error: BaseException) -> str:
    """Say whether the database answers at all."""
    return "the database refuses" if has_answered(error) else "the database does not answer"


def has_answered(error: BaseException) -> bool:
    """Tell whether it was the database that said so, and not that nobody could reach it."""
    root = _root_of(error)
    if state := getattr(root, "sqlstate", None):
        return state == _PROTOCOL_VIOLATION or not state.startswith(_OF_LOST_CONNECTIONS)
    return _sqlite_name_of(root) not in {None, "SQLITE_CANTOPEN"}


def may_pass(error: BaseException) -> bool:
    """Tell whether it is an outage, which may be over by itself, and not a configuration that is wrong."""
    root = _root_of(error)
    # Of a server without TLS, and of a certificate's file, the kinds of error are the same.
    is_of_tls = type(root) is ConnectionError and "SSL" in str(root)
    is_of_file = getattr(root, "filename", None) is not None
    return not (is_of_tls or is_of_file) and not _OUTAGES.isdisjoint(_names_of(root))


def is_out_of_connections(error: BaseException) -> bool:
    """Tell whether the server has no connection left for us, be it by its own bound, the database's or the role's."""
    return "53300" in _names_of(_root_of(error))


def belongs_to_connection(error: BaseException) -> bool:
    """Tell whether a new connection may do what this one refuses.

    SQLite's stays read-only if the file was when it was opened, and PostgreSQL's has the settings of its first moment.
    """
    return not _OF_CONNECTION.isdisjoint(_names_of(_root_of(error)))


def _root_of(error: BaseException) -> Any:
    """What the driver or the system raised; the layers above wrap it twice."""
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        error = error.__cause__
    wrapped: BaseException | None = getattr(error, "orig", None)
    return error if wrapped is None else wrapped.__cause__ or wrapped


def _words_of(root: Any) -> str:
    # Only what the server, SQLite or the system says. What a driver says of a URL may have parts of it.
    if isinstance(root, OSError):
        return _words_of_system(root)
    if getattr(root, "sqlstate", None):
        return str(root.message or root).splitlines()[0]  # the driver's own have no message
    if hasattr(root, "sqlite_errorname"):
        return str(root).splitlines()[0]
    if isinstance(root, TimeoutError | PoolTimeoutError):
        return "no answer in time"
    return "the connection is closed" if "connection is closed" in str(root) else "the driver refuses what it was given"


def _words_of_system(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "verify_message", None) or error.reason or "TLS failed").rstrip(".")
    if type(error) is ConnectionError:  # the driver's own
        return "the server takes no TLS" if "SSL" in str(error) else "the connection is lost"
    number: int | None = error.errno  # a resolver's are below zero
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
    """Without what it adds to the kind of error: SQLITE_READONLY of SQLITE_READONLY_DIRECTORY."""
    name: str | None = getattr(root, "sqlite_errorname", None)
    return "_".join(name.split("_")[:2]) if name is not None else None
