"""A real PgBouncer without support for prepared statements, as in all versions before 1.21."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.engine import make_url

from tests.support.postgresql import OwnPostgreSQL
from tests.support.server import free_port

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""

_KEEPS_STATEMENTS = (1, 21)
_START_SECONDS = 10


@contextmanager
def running_pgbouncer(postgresql: OwnPostgreSQL, url: str, *, mode: str, servers: int) -> Iterator[str]:
    """Run a PgBouncer with `servers` connections to the database of `url`, and yield the URL through it."""
    address = make_url(url)
    host = address.query.get("host") or address.host
    port = free_port()
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        configuration = Path(folder) / "pgbouncer.ini"
        configuration.write_text(
            f"""[databases]
* = host={host} port={address.port or 5432} user={address.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {servers}
{"max_prepared_statements = 0" if _version() >= _KEEPS_STATEMENTS else ""}
"""
        )
        Path(folder).chmod(0o755)
        # PgBouncer does not run as root, and only the user of PostgreSQL can read the folder of its socket.
        user: dict[str, Any] = {"user": postgresql.user} if os.geteuid() == 0 else {}
        process = subprocess.Popen([PGBOUNCER, "-q", str(configuration)], stderr=subprocess.DEVNULL, **user)
        try:
            _await_listener(process, port)
            through = address.set(host="127.0.0.1", port=port, query={})
            yield through.render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _version() -> tuple[int, ...]:
    output = subprocess.run([PGBOUNCER, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", output)
    assert found is not None
    return int(found[1]), int(found[2])


def _await_listener(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None, "PgBouncer ended"
            assert time.monotonic() < deadline, "PgBouncer does not listen"
            time.sleep(0.02)
        else:
            return
