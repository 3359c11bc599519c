"""DATABASE_URL: accepts the parameters of libpq that the driver supports, and names those that it does not."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote, urlencode

from jwtapi.urls.writing import check_host, check_port, parameters_of, split_url

_MUST_BE = "must be sqlite:///path/to/file.db or postgresql://user:password@host/name"

_WITHOUT_EFFECT = frozenset(
    {
        "connect_timeout",  # jwtapi limits every wait itself, even on a dead connection
        "fallback_application_name",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "sslcompression",
        "tcp_user_timeout",
    }
)

_ALWAYS_ON: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # only the values that request what the driver does anyway
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
        "target_session_attrs": frozenset({"any", "primary", "read-write"}),  # jwtapi must be able to write
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
    """Return the URL in the form that SQLAlchemy requires.

    Raises:
        ValueError: the URL names no database that jwtapi can use. The message does not repeat the URL.
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
    """Check hosts and ports that are parameters, as libpq allows: ?host=one,two&port=5432,5433."""
    hosts, ports = (given[name].split(",") if name in given else [] for name in ("host", "port"))
    if not all(hosts):
        raise ValueError("has no valid host")
    for port in ports:
        check_port(port)
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError("must have one port, or as many ports as hosts")


def _is_for_driver(name: str, value: str) -> bool:
    """Return whether to pass a parameter to the driver. Names that libpq does not know are settings of the server.

    Raises:
        ValueError: the driver does not support the parameter or its value.
    """
    if name in _NOT_SUPPORTED:
        raise ValueError(f"has {name}, which is not supported: leave it out")
    if name in _ALWAYS_ON and value not in _ALWAYS_ON[name]:
        raise ValueError(f"has {name}, which is supported only as {_listed(_ALWAYS_ON[name])}: leave it out")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"has an invalid {name}: it must be {_listed(_CHOICES[name])}")
    if name == "sslrootcert" and value == "system":
        raise ValueError(
            "has sslrootcert=system, which is not supported: name a file: /etc/ssl/certs/ca-certificates.crt"
        )
    return name not in _WITHOUT_EFFECT and name not in _ALWAYS_ON


def _listed(values: frozenset[str]) -> str:
    *others, last = sorted(values)
    return f"{', '.join(others)} or {last}" if others else last
