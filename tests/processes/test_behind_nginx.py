"""A real nginx with the file of deploy/."""

import re
import shutil
import socket
from pathlib import Path

import pytest

from tests.support.proxies import nginx_command, nginx_temporary_folders, running_proxy
from tests.support.server import Server, free_port, running_server

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on the PATH")

ROOT = Path(__file__).parents[2]


def shipped(folder: Path, port: int, jwtapi: Server) -> str:
    """As in compose.yaml, with this machine's addresses."""
    return (
        re.sub(r"server 10\.[0-9.]+:4000", f"server 127.0.0.1:{jwtapi.port}", (ROOT / "deploy/nginx.conf").read_text())
        .replace("listen 8080;", f"listen 127.0.0.1:{port};")
        .replace("pid /tmp/", f"pid {folder}/")
        .replace("http {", f"http {{ {nginx_temporary_folders(folder)}", 1)
    )


@pytest.mark.parametrize("path", ("/metrics", "/health/ready"))
def test_the_shipped_nginx_hides_metrics_and_readiness_in_every_spelling(tmp_path: Path, path: str) -> None:
    nginx_folder = tmp_path / "nginx"
    nginx_folder.mkdir()
    port = free_port()
    with running_server(tmp_path / "jwtapi", METRICS_ENABLED="true") as jwtapi:
        with jwtapi.client() as operator:
            assert operator.get(path).status_code == 200
        with running_proxy(nginx_command(nginx_folder, shipped(nginx_folder, port, jwtapi)), port):
            encoded = f"/%{ord(path[1]):x}{path[2:]}"
            for spelling in (
                *(path + after for after in ("", "/", "?x", "#x", "%0a", "%0d", "%00", "%7f", "%20", "/.", "//", ";x")),
                *(before + path for before in ("/", "/.", "/x/..", "http://other.example", "/%0a", "//x/..", "/%2e")),
                *(encoded, encoded + "%0a", path.upper(), f"/x{path}", path.replace("/", "/%0a")),
            ):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(f"GET {spelling} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    answer = connection.recv(10_000)
                assert re.match(rb"HTTP/1\.1 (404|400) ", answer), (spelling, answer)


@pytest.mark.parametrize("protocol", ("h2c", "websocket"))
def test_a_request_hidden_in_a_body_is_not_served_behind_the_shipped_nginx(tmp_path: Path, protocol: str) -> None:
    nginx_folder = tmp_path / "nginx"
    nginx_folder.mkdir()
    port = free_port()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST /logout HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
    with (
        running_server(tmp_path / "jwtapi") as jwtapi,
        running_proxy(nginx_command(nginx_folder, shipped(nginx_folder, port, jwtapi)), port),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"{head}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert "/hidden" not in jwtapi.log.read_text()
