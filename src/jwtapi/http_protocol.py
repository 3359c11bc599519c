"""HTTP/1.1 on a connection: uvicorn's protocol, with limits on size and time that uvicorn does not have.

This file leans on the inside of uvicorn's `HttpToolsProtocol`: its methods, its attributes (`cycle`, `flow`,
`parser`, `headers`, `timeout_keep_alive_task` and others) and those of its request cycle. None of them is documented.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection may keep the server waiting, in seconds."""

    receive: float = 20
    """For the head of a request, for the first request, and for what the client still sends after the response."""
    send: float = 20
    """Until the client has read what was sent to it. Applies to more than 64 KiB, and to a connection that is
    closing."""


TIMEOUTS = Timeouts()

MAX_HEAD_BYTES = 64 * 1024

MAX_TARGET_BYTES = 8 * 1024
"""Of the target of a request, including the query. uvicorn decodes percent-encoding on the event loop, which takes a
microsecond for each percent sign."""

MAX_REST_BYTES = 16 * 64 * 1024
"""Of what follows the head of a request. The app limits the body that it reads. This limit also covers trailers, what
the client sends after the response, and the framing of chunks: a chunk of one byte has six more bytes."""

MAX_PIPELINED_BYTES = 64 * 1024
"""Of requests that the client has sent before the response to the previous one."""

LINGER_SECONDS = 1
"""How long an idle connection stays open when the server stops. A request that is under way on it gets a response,
which closes the connection. A client whose connection is cut does not know whether its request was handled."""

ON_SHUTDOWN = "jwtapi.on_shutdown"
"""The key of the lifespan's state for what to call when the server stops, before requests in progress must end."""

_EMPTY_LINE = b"\r\n\r\n"


class _JoinedWrites:
    """A transport that sends the head of a response together with the beginning of its body.

    uvicorn writes them separately, and uvloop makes a system call and a packet of each.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.abort = transport.abort
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):  # 100 Continue has no body
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()


class BoundedHttpProtocol(HttpToolsProtocol):
    """Limits how much memory and time a client can take on a connection, where no app can limit it.

    These are the head of a request, pipelined requests, what the client sends after a response, and responses that the
    client does not read.

    The parser gets one message at a time. uvicorn would parse all pipelined requests immediately and keep some KB for
    each of them. 64 KiB can contain thousands.
    """

    url = b""
    _unparsed = b""
    """Pipelined requests, which wait for the response to the previous one."""
    _in_body = False
    """The head of the last request has arrived completely, but its body has not."""
    _body_left = 0
    """The number of bytes of that body that have not arrived yet, if its length is known."""
    _parsed = 0
    """The number of bytes parsed of the head or body that is arriving."""
    _line_end = b""
    """The last parsed bytes. An empty line may begin in them."""
    _idle_since: float | None = None
    """When the last response was complete, if no bytes have arrived since."""
    _receive_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None
    _is_stopping = False
    """The server stops: the next response closes the connection."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timeouts = timeouts

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._joined_writes = _JoinedWrites(transport)
        self.transport = self._joined_writes  # type: ignore[assignment]  # has what is used of a transport
        self._receive_timer = self.loop.call_later(self._timeouts.receive, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed = b""
        self._unset_keepalive_if_required()
        self._stop_receive_timer()
        self._stop_send_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._is_stopping = True
        if self.cycle is not None:
            self.cycle.keep_alive = False
        self.loop.call_later(LINGER_SECONDS, self._close_unless_responding)
        if (on_shutdown := self.app_state.get(ON_SHUTDOWN)) is not None:
            on_shutdown()  # for each connection, because the server itself calls nothing

    # Receiving

    def data_received(self, data: bytes) -> None:
        self._idle_since = None
        if self._unparsed:
            data, self._unparsed = self._unparsed + data, b""
        start = 0
        while start < len(data):
            start = self._parse_part(data, start)

    def _parse_part(self, data: bytes, start: int) -> int:
        """Parse up to the end of one message at most. Return the position after the parsed bytes."""
        cycle, of_body = self.cycle, self._in_body
        if cycle is not None and not cycle.response_complete and not of_body:
            self._let_wait(data[start:])
            return len(data)
        found = -1 if self._body_left or self._line_end else data.find(_EMPTY_LINE, start)
        end = found + 4 if found >= 0 else self._end_of_part(data, start)
        self._parsed += end - start
        if self._parsed > (MAX_REST_BYTES if of_body else MAX_HEAD_BYTES):
            self._refuse_size(of_body=of_body)
            return len(data)
        try:
            self.parser.feed_data(data[start:end])
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            if not self._can_go_on_after(error):
                return len(data)
        if self.cycle is not cycle:
            self._parsed = 0
            if self._receive_timer is not None:
                self._stop_receive_timer()
            if self._is_stopping:
                self.cycle.keep_alive = False
            if self.cycle.more_body:
                self._begin_body()
        else:
            self._go_on(end - start, of_body=of_body)
        return end

    def _end_of_part(self, data: bytes, start: int) -> int:
        """Return where the part to parse ends: at the end of a body of known length, an empty line, or all the data.

        An empty line ends a head and a chunked body.
        """
        if self._body_left:
            return min(start + self._body_left, len(data))
        before, self._line_end = self._line_end, b""
        if before and (found := (before + data[:3]).find(_EMPTY_LINE)) >= 0:
            return found + 4 - len(before)
        if (found := data.find(_EMPTY_LINE, start)) >= 0:
            return found + 4
        self._line_end = (before + data[max(start, len(data) - 3) :])[-3:]
        return len(data)

    def _begin_body(self) -> None:
        self._in_body = True
        # int() raises ValueError for thousands of digits, even if they are leading zeros.
        lengths = (value.lstrip(b"0") for name, value in self.headers if name == b"content-length")
        self._body_left = int(next(lengths, b"") or b"0")

    def _go_on(self, size: int, *, of_body: bool) -> None:
        """Update the state after bytes that did not complete a head."""
        if self._body_left:
            self._body_left -= size
        if of_body and not self._in_body:
            self._parsed = 0
        if self._receive_timer is None and self.cycle.response_complete:
            self._receive_timer = self.loop.call_later(self._timeouts.receive, self._close)

    def _let_wait(self, data: bytes) -> None:
        if len(data) > MAX_PIPELINED_BYTES:
            self.cycle.keep_alive = False  # do not read the rest, and close after this response (RFC 9112 §9.6)
            data = b""
        self._unparsed = data
        self.flow.pause_reading()

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_TARGET_BYTES:
            raise ValueError("the target is too long")  # stops the parser

    def on_response_complete(self) -> None:
        self._joined_writes.flush()  # the response to HEAD has no body that would take its head along
        if self.transport.is_closing():
            self._close()
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self._unparsed:
            self.data_received(b"")
        else:
            self._idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._await_next_request(self.timeout_keep_alive)

    def _await_next_request(self, seconds: float) -> None:
        # One timer serves many requests. To set and cancel a timer for each request would take as long as the rest of
        # this class.
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # a request is in progress; its response sets the timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._await_next_request(left)
        else:
            self._close()

    def _close_unless_responding(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._close()

    def on_message_complete(self) -> None:
        self._in_body = False
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_chunk_header(self) -> None:
        # Headers that arrive from now on are trailers. Nothing reads trailers.
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # it is only appended to

    def _can_go_on_after(self, error: Exception) -> bool:
        if isinstance(error, httptools.HttpParserUpgrade):
            with suppress(httptools.HttpParserError):
                self._ignore_upgrade()
                return True
        if len(self.url) > MAX_TARGET_BYTES:
            self._refuse_head(b"414 URI Too Long")
        else:
            self._refuse()
        return False

    def _ignore_upgrade(self) -> None:
        """Serve the request as if it offered no other protocol, as RFC 9110 §7.8 allows, and close.

        The connection closes because a proxy may treat what follows as the other protocol. httptools does that too, so
        another parser reads the body.
        """
        self.cycle.keep_alive = False
        framing = [header for header in self.headers if header[0] in (b"content-length", b"transfer-encoding")]
        if framing and self.scope["method"] != "CONNECT":
            self.cycle.more_body = True
            body_events = SimpleNamespace(on_body=self.on_body, on_message_complete=self.on_message_complete)
            self.parser = httptools.HttpRequestParser(body_events)
            lines = b"".join(b"%s: %s\r\n" % header for header in framing)
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + lines + b"\r\n")

    def _refuse(self) -> None:
        """Respond that this is not HTTP, unless the response to the request has begun."""
        cycle = self.cycle
        if cycle is not None:
            cycle.disconnected = True
        if not (self._in_body and cycle.response_started):
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
        self._close()

    def _refuse_size(self, *, of_body: bool) -> None:
        if of_body:
            self._close()
        else:
            self._refuse_head(b"431 Request Header Fields Too Large")

    def _refuse_head(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self._close()

    # Sending

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_unless_sent()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_send_timer()

    def _close(self) -> None:
        """Close when everything has been sent. Abort if the client does not read it in time."""
        self._stop_receive_timer()
        self.transport.close()
        self._abort_unless_sent()

    def _abort_unless_sent(self) -> None:
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self._timeouts.send, self.transport.abort)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
