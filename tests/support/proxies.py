"""Real proxies, and a service behind them that does not check tokens."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START_SECONDS = 30


def nginx_temporary_folders(folder: Path) -> str:
    """Return directives for the `http` block that make nginx store its temporary files in `folder`."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def nginx_command(folder: Path, configuration: str) -> list[str]:
    (folder / "nginx.conf").write_text(configuration)
    return ["nginx", "-e", "stderr", "-g", "daemon off;", "-c", str(folder / "nginx.conf")]


@contextmanager
def running_proxy(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run the command. The block begins when it listens, and the command ends with the block."""
    proxy = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert proxy.poll() is None
            assert time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                break
        yield
    finally:
        proxy.terminate()
        proxy.wait()


class _EchoHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "EchoService"

    def _answer(self) -> None:
        body = self._read_body()
        self.server.received += 1
        echo = {"method": self.command, "headers": self.headers.items(), "body": body.decode("latin-1")}
        answer = json.dumps(echo).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_OPTIONS = do_TRACE = do_CONNECT = _answer  # noqa: N815  the library's names

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" not in self.headers:
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def log_message(self, *_: object) -> None:
        pass


class EchoService(ThreadingHTTPServer):
    """Responds with the method, the headers and the body of the request, as JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _EchoHandler)
        self.received = 0
        """How many requests reached it."""


@contextmanager
def running_service() -> Iterator[EchoService]:
    with EchoService() as service:
        threading.Thread(target=service.serve_forever).start()
        try:
            yield service
        finally:
            service.shutdown()
