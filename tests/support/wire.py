"""Counts the round trips between a client and PostgreSQL, on the wire between them, and ends connections there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import URL, make_url

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """A proxy in front of a server."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._connections: set[asyncio.Task[None]] = set()
        self.round_trips = 0
        """How often a connection sent something to the server after it had received something, or at its beginning."""
        self.closes_after: int | None = None
        """After how many round trips of a connection the client sees it closed."""
        self._to_clients: set[asyncio.StreamWriter] = set()

    async def announce_shutdown(self) -> None:
        """Send all clients what PostgreSQL sends when it stops, and leave the connections open, as it does briefly."""
        fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
        for writer in self._to_clients:
            writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        await asyncio.to_thread(bool)  # meanwhile the event loop, which is that of the clients too, reads it

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours, because the one of asyncio's server cannot be awaited.
        connection = asyncio.create_task(self._connect((reader, writer)))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """Wait until the clients have closed their connections."""
        while self._connections:
            await asyncio.wait(self._connections)

    async def _connect(self, client: Stream) -> None:
        host = str(self._server.query.get("host") or self._server.host)
        port = self._server.port or 5432
        if host.startswith("/"):
            server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            server = await asyncio.open_connection(host, port)
        is_clients_turn = True
        round_trips = 0
        self._to_clients.add(client[1])

        async def forward(source: Stream, target: Stream, *, from_client: bool) -> None:
            nonlocal is_clients_turn, round_trips
            with suppress(ConnectionError):
                while data := await source[0].read(65536):
                    if from_client and is_clients_turn:
                        self.round_trips += 1
                        round_trips += 1
                    is_clients_turn = not from_client
                    target[1].write(data)
                    if not from_client and round_trips == self.closes_after:
                        break
                    await target[1].drain()
            target[1].close()

        try:
            await asyncio.gather(forward(client, server, from_client=True), forward(server, client, from_client=False))
        finally:
            self._to_clients.discard(client[1])


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Yield a proxy in front of the PostgreSQL of `url`, and the URL through the proxy."""
    server = make_url(url)
    wire = Wire(server)
    async with await asyncio.start_server(wire.accept, "127.0.0.1", 0) as proxy:
        host, port = proxy.sockets[0].getsockname()
        through = server.set(host=host, port=port, query={"sslmode": "disable"})
        yield wire, through.render_as_string(hide_password=False)
        await wire.close()
