"""Checks that the server can listen on its address."""

import asyncio
import errno
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

from jwtapi.metrics_listener import metrics_socket
from jwtapi.settings import Settings, SettingsError
from jwtapi.socket_files import listening_file

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
