"""Checks that the server can listen on its address, and that people can reach it where links lead."""

import asyncio
import errno
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

from jwtapi.metrics_listener import metrics_socket
from jwtapi.settings import Settings, SettingsError
from jwtapi.socket_files import listening_file
from jwtapi.web_origin import host_of, is_address, is_loopback, parse_origin

_TAKEN = "PORT: another program listens on"
_ANSWER_SECONDS = 2
_ANSWER_BYTES = 4096
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def problem_of_listening(settings: Settings) -> str | None:
    """Try to listen at UDS, or else at HOST and PORT."""
    if settings.uds is not None:
        return _problem_of_socket_file(settings.uds)
    return _problem_of_address(settings.host, settings.port)


def _problem_of_socket_file(path: Path) -> str | None:
    try:
        with listening_file(path):
            return None
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                return (
                    f"UDS: {path} exists and is not an unused socket: stop the program that listens on it, or remove it"
                )
            case errno.ENOENT | errno.ENOTDIR:
                return f"UDS: {path.parent} is not a folder: make it, and let this user write to it"
            case errno.EACCES:
                return f"UDS: this user cannot write to {path.parent}: permit it, or set UDS to another file"
            case _:
                return f"UDS: cannot listen on {path}: {error.strerror or error}"


def _problem_of_address(host: str, port: int) -> str | None:
    """Try to listen at each address that `host` resolves to."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return f"HOST: {host} is not an address, and looking it up as a name failed: set an address of this machine"
    errors = [error for family, *_, address in addresses if (error := _try_to_listen(family, address)) is not None]
    # A name may resolve to addresses of both IP versions while this machine has only one.
    if errors and all(error.errno in _NOT_HERE for error in errors) and len(errors) < len(addresses):
        return None
    return _describe(errors[0], host, port) if errors else None


def problems_of_metrics_address(address: str | None) -> list[str]:
    """Try to listen at METRICS_LISTEN."""
    if address is None:
        return []
    try:
        with metrics_socket(address):
            return []
    except SettingsError as error:
        return error.problems


def warnings_of_public_url(settings: Settings) -> list[str]:
    """Warn of links that people cannot open or that are unsafe, and of settings that contradict PUBLIC_URL."""
    warnings = []
    if settings.mail_url is not None and settings.public_url is None:
        warnings.append(
            f"PUBLIC_URL is missing: links in mails lead to {settings.base_url}, which only this machine can reach"
        )
    if settings.mail_url is None and settings.mail_from is not None and settings.in_production:
        warnings.append("MAIL_URL is missing: this server sends no mail, although MAIL_FROM is set")
    if settings.mail_url is not None and settings.account_url is None and not settings.account_page_enabled:
        warnings.append("ACCOUNT_PAGE_ENABLED is false and ACCOUNT_URL is missing, so no page takes the links in mails")
    for name, url in (("PUBLIC_URL", settings.public_url), ("ACCOUNT_URL", settings.account_url)):
        if url is not None:
            warnings += _warnings_of_url(name, url, settings)
    return warnings + _contradictions(settings)


def _warnings_of_url(name: str, url: str, settings: Settings) -> list[str]:
    host = host_of(url)
    if is_loopback(host):
        return [f"{name} names this machine, so nobody else can open the links"] if settings.in_production else []
    warnings = []
    if is_address(host):
        warnings.append(f"{name} has an IP address: links in mails break when it changes, and mail filters distrust it")
    if settings.in_production and url.startswith("http:"):
        warnings.append(f"{name} is http:// in production: attackers on the network can read and change its pages")
    return warnings


def _contradictions(settings: Settings) -> list[str]:
    origin, warnings = settings.public_origin, []
    if origin is None:
        return []
    host, is_tls = host_of(origin), origin.startswith("https:")
    if settings.cookie_secure and not is_tls and not is_loopback(host):
        warnings.append("COOKIE_SECURE is true and PUBLIC_URL is http://, so browsers drop the cookies: use https")
    if is_tls and not settings.cookie_secure:
        warnings.append(
            "COOKIE_SECURE is false and PUBLIC_URL is https://: one request over plain http would send the cookies "
            "unencrypted; set COOKIE_SECURE=true"
        )
    if settings.cookie_domain is not None and not f".{host}".endswith(f".{settings.cookie_domain}"):
        warnings.append("COOKIE_DOMAIN does not have the host of PUBLIC_URL, so browsers drop the cookies")
    if settings.account_url is not None:
        pages = parse_origin("/".join(settings.account_url.split("/")[:3]))
        if pages not in {origin, *settings.cors_origins}:
            warnings.append(
                f"CORS_ORIGINS does not have {pages}, the origin of ACCOUNT_URL, so its pages cannot call this server"
            )
    return warnings


def is_taken_by_jwtapi(problem: str, settings: Settings) -> bool:
    """Return whether the only problem is that a server with this configuration is already running."""
    return (settings.uds is not None or problem.startswith(_TAKEN)) and is_jwtapi(settings)


def is_jwtapi(settings: Settings) -> bool:
    """Return whether a jwtapi server responds at the address of these settings."""
    return asyncio.run(_is_jwtapi(settings))


async def _is_jwtapi(settings: Settings) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if settings.uds is not None:
                reader, writer = await asyncio.open_unix_connection(settings.uds)
            else:
                reader, writer = await asyncio.open_connection(_reachable(settings.host), settings.port)
            with closing(writer):
                writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                await reader.readexactly(_ANSWER_BYTES)
    except asyncio.IncompleteReadError as answer:
        return answer.partial.endswith(b'{"status":"live"}')
    except (OSError, UnicodeError):
        pass
    return False  # nothing listens there, or its response is longer


def _try_to_listen(family: int, address: Any) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                attempt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the server does
            attempt.bind(address)
    except OSError as error:
        return error
    return None


def _reachable(host: str) -> str:
    """Return an address to connect to. Only Linux connects to an address that means all addresses of the machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not listened on


def _describe(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{_TAKEN} {host}:{port}: stop that program, or choose another port"
        case errno.EACCES:
            return f"PORT: this user may not listen on {port}: choose a port of 1024 or above"
        case errno.EADDRNOTAVAIL:
            return f"HOST: {host} is not an address of this machine: choose one of its addresses, or 0.0.0.0 for all"
        case _:
            return f"HOST: cannot listen on {host}:{port}: {error.strerror or error}"
