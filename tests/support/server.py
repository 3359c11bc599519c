"""The real server in a separate process."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

JWTAPI = Path(sys.executable).with_name("jwtapi")
ROOT = Path(__file__).parents[2]

Command = tuple[str | Path, ...]
SERVE: Command = (JWTAPI, "serve")
IMPATIENT: Command = (sys.executable, "-m", "tests.support.impatient_server")
"""It needs PYTHONPATH=ROOT and both secrets. Clients have half a second to send a request and to read the response."""
START_SECONDS = 30
# Without this, each client would read the certificates of all authorities, which takes longer than the tests.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the environment of this process without settings of jwtapi, which a developer may have exported."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return kept | settings


class Server:
    """`jwtapi serve` in a folder, which keeps its `.env` and its database across restarts."""

    def __init__(self, folder: Path, command: Command = SERVE, /, **settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._command = command
        self.port = int(settings.get("PORT", free_port()))
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._uds = settings.get("UDS")
        self._environment = clean_environment(**{"PORT": str(self.port), "BCRYPT_ROUNDS": "4"} | settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def async_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base_url, timeout=30, trust_env=False, verify=_NO_AUTHORITIES)

    def client(self) -> httpx.Client:
        """Make a client with separate cookies and connections."""
        transport = httpx.HTTPTransport(uds=self._uds, verify=_NO_AUTHORITIES) if self._uds is not None else None
        return httpx.Client(
            base_url=self.base_url, timeout=30, trust_env=False, verify=_NO_AUTHORITIES, transport=transport
        )

    def run(self, *arguments: str) -> str:
        """Run a command of jwtapi in the folder, with the settings of the server, and return what it prints."""
        command: Command = (JWTAPI, *arguments)
        ran = subprocess.run(command, cwd=self.folder, env=self._environment, check=True, capture_output=True)
        return ran.stdout.decode()

    def new_service(self) -> tuple[str, str]:
        """Make a client that may follow the feed of revocations, and return its id and its secret."""
        printed = self.run("client", "create", "orders", "--scope", "revocations")
        id_, secret = (line.partition("=")[2] for line in printed.split())
        return id_, secret

    def start(self) -> None:
        """Start the server, and wait until it answers. One that does not is killed.

        Otherwise it would take the time of later tests, and the garbage collector would fail one of them because the
        process still runs.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
        try:
            self._await_answer(self._process)
        except BaseException:
            self.kill()
            raise

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log.read_text()
            try:
                self._connect()
                with self.client() as client:
                    client.get("/health/live")
            except (OSError, httpx.TransportError):
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"not up after {START_SECONDS} s: {self.log.read_text()}")

    def _connect(self) -> None:
        """Raise OSError while nothing listens. httpcore would leave a socket open after a failure."""
        if self._uds is not None:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self._uds)

    def stop(self, signal_: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Send the signal, wait for the end, and return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal_)
        return self.wait(seconds)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the end, and return the exit code."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


def await_readiness(client: httpx.Client, status: int) -> None:
    """Repeat the request until `/health/ready` responds with this status. The server caches success for a second."""
    deadline = time.monotonic() + START_SECONDS
    while (response := client.get("/health/ready")).status_code != status:
        assert time.monotonic() < deadline, response.text
        time.sleep(0.02)


@contextmanager
def running_server(folder: Path, command: Command = SERVE, /, **settings: str) -> Iterator[Server]:
    server = Server(folder, command, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def running_servers(folder: Path, count: int, **settings: str) -> Iterator[list[Server]]:
    """Start several servers with these settings at the same time, on different ports."""
    servers = [Server(folder / f"server{n}", **settings) for n in range(count)]
    try:
        with ThreadPoolExecutor(count) as threads:
            starts = [threads.submit(server.start) for server in servers]
        for start in starts:
            start.result()
        yield servers
    finally:
        for server in servers:
            server.stop()
