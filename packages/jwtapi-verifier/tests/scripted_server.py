"""An HTTP server on loopback that answers as a test wants, faults included."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


class ScriptedServer:
    """`answers[path]` answers a request, or 404. `requests` has all, in their order."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.changed = asyncio.Condition()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def count(self, path: str) -> int:
        return Counter(request.path for request in self.requests)[path]

    async def wait_for(self, path: str, count: int) -> None:
        """Wait until so many requests for a path have come."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: self.count(path) >= count)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=2**20, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut all connections, and listen no more."""
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._connections:
            await asyncio.wait(list(self._connections))

    def cut(self) -> None:
        for task, writer in self._connections.items():
            writer.transport.abort()
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self._serve(reader, writer)
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.rstrip().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        request = Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
        async with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        await self.answers.get(request.path, status(404))(request, writer)
        await writer.drain()


def answer(body: bytes, code: int = 200, /, **headers: str) -> Answer:
    """Answer all requests with this. The names of headers have `_` for `-`."""

    async def respond(_: Request, writer: asyncio.StreamWriter) -> None:
        fields = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {code} x\r\n{head}\r\n".encode() + body)

    return respond


def json_answer(value: Any, **headers: str) -> Answer:
    return answer(json.dumps(value).encode(), Content_Type="application/json", **headers)


def status(code: int) -> Answer:
    return answer(b"", code)


async def hang(_: Request, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send an answer without end, slowly."""
    writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send 20 MB, unless the client closes the connection before."""
    writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 20000000\r\n\r\n")
    for _part in range(200):
        writer.write(b" " * 100_000)
        await writer.drain()


async def cut(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def running_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
