"""Whether the server could listen where it is told to."""

import errno
import json
import os
import socket
from http.client import HTTPConnection, HTTPException

_ANSWER_SECONDS = 2


def problem_of_address(host: str, port: int) -> str | None:
    """Try to listen at each address that `host` stands for."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return f"HOST: {host} is no address, and no name that can be looked up: name an address of this machine"
    for family, type_, protocol, _, address in addresses:
        try:
            with socket.socket(family, type_, protocol) as attempt:
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    attempt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the server does
                attempt.bind(address)
        except OSError as error:
            return _describe(error, host, port)
    return None


def is_jwtapi(host: str, port: int) -> bool:
    """Tell whether a server of this kind answers there."""
    connection = HTTPConnection(_reachable(host), port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/live")
        response = connection.getresponse()
        is_live: bool = json.loads(response.read(1024)) == {"status": "live"}
    except (OSError, HTTPException, ValueError):
        return False
    else:
        return is_live
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """An address that means every one of this machine is none to connect to, except on Linux."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not listened on


def _describe(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"PORT: another program listens on {host}:{port}: end it, or choose another port"
        case errno.EACCES:
            return f"PORT: this user may not listen on {port}: choose one from 1024 on"
        case errno.EADDRNOTAVAIL:
            return f"HOST: {host} is no address of this machine: choose one that is, or 0.0.0.0 for all"
        case _:
            return f"HOST: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}"
