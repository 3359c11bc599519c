"""Reads MAIL_URL."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote

from jwtapi.urls.writing import check_host, split_url

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PORT = {"smtps": 465, "smtp": 587}


class MailSecurity(Enum):
    TLS = "TLS from the first byte"
    STARTTLS = "STARTTLS, and nothing is sent without it"
    NONE = "no encryption, because the server is on this machine"


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    security: MailSecurity
    username: str | None
    password: str | None = field(repr=False)


def parse_mail_url(url: str) -> MailServer:
    """Return what `smtps://user:password@host:port` or `smtp://…` names.

    `smtp://` requires STARTTLS, except on the loopback interface.

    Raises:
        ValueError: it is none of these. The message does not repeat the URL.
    """
    parts = split_url(url)
    if parts.scheme not in _PORT:
        raise ValueError("must be smtps://user:password@host, or smtp:// for a server with STARTTLS")
    if parts.path not in {"", "/"} or parts.query:
        raise ValueError("must have nothing after the host and the port")
    check_host(parts.netloc.rpartition("@")[2])
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise ValueError("must name one host, an international name in punycode")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have both a user and a password, or neither")
    if parts.scheme == "smtps":
        security = MailSecurity.TLS
    else:
        security = MailSecurity.NONE if _is_loopback(host) else MailSecurity.STARTTLS
    return MailServer(
        host=host,
        port=parts.port or _PORT[parts.scheme],
        security=security,
        username=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
