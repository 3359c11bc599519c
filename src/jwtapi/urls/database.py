"""DATABASE_URL: what libpq takes, as far as the driver can do it; what it cannot do is named."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote, urlencode

from jwtapi.urls.writing import check_host, check_port, parameters_of, split_url

_MUST_BE = "must be sqlite:///path/to/file.db or postgresql://user:password@host/name"

_WITHOUT_EFFECT = frozenset(
    {
        "connect_timeout",  # every wait is bounded here, also for a connection that is dead
        "fallback_application_name",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "sslcompression",
        "tcp_user_timeout",
    }
)

_DONE_IN_ANY_CASE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # the values that ask for no more than the driver does
        "channel_binding": frozenset({"disable", "prefer"}),
        "client_encoding": frozenset({"auto", "utf8", "UTF8", "utf-8", "UTF-8"}),
        "gssencmode": frozenset({"disable", "prefer"}),
        "load_balance_hosts": frozenset({"disable"}),
        "sslcertmode": frozenset({"allow"}),
        "sslsni": frozenset({"1"}),
    }
)

_TLS_VERSIONS = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})

_CHOICES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "sslmode": frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}),
        "sslnegotiation": frozenset({"postgres", "direct"}),
        "ssl_max_protocol_version": _TLS_VERSIONS,
        "ssl_min_protocol_version": _TLS_VERSIONS,
        "target_session_attrs": frozenset({"any", "primary", "read-write"}),  # it is written to
    }
)

_NOT_SUPPORTED = frozenset(
    {
        "gssdelegation",
        "hostaddr",
        "max_protocol_version",
        "min_protocol_version",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_issuer",
        "oauth_scope",
        "replication",
        "require_auth",
        "requirepeer",
        "requiressl",
        "scram_client_key",
        "scram_server_key",
        "servicefile",
        "sslcrldir",
        "sslkeylogfile",
    }
)


def parse_database_url(url: str) -> str:
    """Put it as the drivers want it.

    Raises:
        ValueError: it leads to no database that can be used; the message does not repeat it.
    """
    scheme, separator, rest = url.partition("://")
    match scheme if separator else "":
        case "sqlite" | "sqlite+aiosqlite":
            _check_file(rest)
            return f"sqlite+aiosqlite://{rest}"
        case "postgresql" | "postgres" | "postgresql+asyncpg":
            return f"postgresql+asyncpg://{_for_driver(rest)}"
        case _:
            raise ValueError(_MUST_BE)


def _check_file(rest: str) -> None:
    if rest.strip("/") in ("", ":memory:"):
        raise ValueError("must name a file: an in-memory database loses all users at each start")
    if not rest.startswith("/"):
        raise ValueError(
            "must have three slashes before a relative path, or four before an absolute path: sqlite:///jwtapi.db"
        )
    if "?" in rest:
        raise ValueError("must have no parameters with SQLite: leave out the ? and everything after it")


def _for_driver(rest: str) -> str:
    parts = split_url(f"postgresql://{rest}")
    given = parameters_of(parts)
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(",") if hosts else ():
        check_host(unquote(host))
    _check_hosts_in(given)
    kept = [(name, value) for name, value in given.items() if _is_for_driver(name, value)]
    query = urlencode(kept, quote_via=quote, safe="")
    return f"{parts.netloc}{parts.path}{'?' if query else ''}{query}"


def _check_hosts_in(given: Mapping[str, str]) -> None:
    """Check libpq's other way to name them: ?host=one,two&port=5432,5433."""
    hosts, ports = (given[name].split(",") if name in given else [] for name in ("host", "port"))
    if not all(hosts):
        raise ValueError("has no valid host")
    for port in ports:
        check_port(port)
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError("must have one port, or as many ports as hosts")


def _is_for_driver(name: str, value: str) -> bool:
    """Tell it from what would have no effect. What is no name of libpq's is a setting of the server's.

    Raises:
        ValueError: it asks for what the driver cannot do.
    """
    if name in _NOT_SUPPORTED:
        raise ValueError(f"has {name}, which is not supported: leave it out")
    if name in _DONE_IN_ANY_CASE and value not in _DONE_IN_ANY_CASE[name]:
        raise ValueError(f"has {name}, which is supported only as {_listed(_DONE_IN_ANY_CASE[name])}: leave it out")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"has an invalid {name}: it must be {_listed(_CHOICES[name])}")
    if name == "sslrootcert" and value == "system":
        raise ValueError(
            "has sslrootcert=system, which is not supported: name a file: /etc/ssl/certs/ca-certificates.crt"
        )
    return name not in _WITHOUT_EFFECT and name not in _DONE_IN_ANY_CASE


def _listed(values: frozenset[str]) -> str:
    *others, last = sorted(values)
    return f"{', '.join(others)} or {last}" if others else last
