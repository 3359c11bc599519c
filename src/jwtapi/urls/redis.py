"""RATE_LIMIT_STORAGE_URI: checked at startup, because redis-py would reject it only at the first login."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from jwtapi.urls.writing import check_host, parameters_of, split_url

PORT = 6379

_MUST_BE = "must be database://, redis://host:port or memory://"
_NUMBER, _SECONDS, _SWITCH, _TEXT = r"[0-9]{1,9}", r"[0-9]{1,9}(\.[0-9]{1,9})?", r"(?i:true|false|yes|no|1|0)", r".+"

_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "client_name": r"[!-~]+",
        "db": _NUMBER,
        "health_check_interval": _NUMBER,
        "max_connections": r"[1-9][0-9]{0,8}",
        "password": _TEXT,
        "protocol": r"[23]",
        "retry_on_timeout": _SWITCH,
        "socket_connect_timeout": _SECONDS,
        "socket_keepalive": _SWITCH,
        "socket_timeout": _SECONDS,
        "timeout": _SECONDS,
        "username": _TEXT,
    }
)
_PARAMETERS_OF_TLS: Mapping[str, str] = MappingProxyType(
    {
        "ssl_ca_certs": _TEXT,
        "ssl_ca_path": _TEXT,
        "ssl_cert_reqs": r"none|optional|required",
        "ssl_certfile": _TEXT,
        "ssl_check_hostname": _SWITCH,
        "ssl_keyfile": _TEXT,
        "ssl_password": _TEXT,
    }
)


def parse_storage_uri(uri: str) -> str:
    """Return the URI. If it is a URI of Redis without a port, add the default port.

    Raises:
        ValueError: the URI is not supported. The message does not repeat it.
    """
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme not in {"database", "memory", "redis", "rediss"}:
        raise ValueError(_MUST_BE)
    if scheme in {"database", "memory"}:
        return uri
    parts = split_url(uri)
    host = parts.netloc.rpartition("@")[2].removesuffix(":")
    if host:
        check_host(host)
    if "," in host:
        raise ValueError(f"{_MUST_BE}: name one host, because clusters and sentinels are not supported")
    if re.fullmatch(rf"/?|/{_NUMBER}", parts.path) is None:
        raise ValueError("must have nothing or the number of a database after the host: redis://host:port/0")
    known = {**_PARAMETERS, **(_PARAMETERS_OF_TLS if scheme == "rediss" else {})}
    for name, value in parameters_of(parts).items():
        if name not in known:
            raise ValueError(f"has a parameter that is not supported; {scheme}:// supports {', '.join(sorted(known))}")
        if re.fullmatch(known[name], value) is None:
            raise ValueError(f"has an invalid value for {name}")
    if parts.hostname and parts.port is None:
        return parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{PORT}").geturl()
    return uri
