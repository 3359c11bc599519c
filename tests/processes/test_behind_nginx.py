"""A real nginx: with the README's lines in front of a service that knows no tokens, and with the shipped file."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.nginx import temporary_folders
from tests.support.server import Server, free_port, running_server

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on the PATH")

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


class Backend(BaseHTTPRequestHandler):
    """Answers with the headers that it got."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the library's name

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_backend() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def running_nginx(folder: Path, port: int, configuration: str) -> Iterator[str]:
    (folder / "nginx.conf").write_text(configuration)
    command = ["nginx", "-e", "stderr", "-g", "daemon off;", "-c", str(folder / "nginx.conf")]
    nginx = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert nginx.poll() is None
            try:
                httpx.get(url)
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                break
        yield url
    finally:
        nginx.terminate()
        nginx.wait()


def in_front_of_services(folder: Path, port: int, jwtapi: Server, backend: int) -> str:
    (lines,) = re.findall(r"```nginx\n(.*?)```", README, re.DOTALL)
    return f"""
        pid {folder}/pid; error_log stderr;
        events {{}}
        http {{
            access_log off; {temporary_folders(folder)}
            upstream jwtapi {{ server 127.0.0.1:{jwtapi.port}; keepalive 16; }}
            upstream backend {{ server 127.0.0.1:{backend}; }}
            server {{ listen 127.0.0.1:{port}; {lines} }}
        }}
    """


def shipped(folder: Path, port: int, jwtapi: Server) -> str:
    """As in compose.yaml, with this machine's addresses."""
    return (
        re.sub(r"server 10\.[0-9.]+:4000", f"server 127.0.0.1:{jwtapi.port}", (ROOT / "deploy/nginx.conf").read_text())
        .replace("listen 8080;", f"listen 127.0.0.1:{port};")
        .replace("pid /tmp/", f"pid {folder}/")
        .replace("http {", f"http {{ {temporary_folders(folder)}", 1)
    )


def test_nginx_lets_through_who_is_signed_in_and_says_who_it_is(tmp_path: Path) -> None:
    jwtapi_folder, nginx_folder = tmp_path / "jwtapi", tmp_path / "nginx"
    nginx_folder.mkdir()
    port = free_port()
    with (
        running_server(jwtapi_folder, JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET) as jwtapi,
        running_backend() as backend,
        running_nginx(nginx_folder, port, in_front_of_services(nginx_folder, port, jwtapi, backend)) as url,
        jwtapi.client() as alice,
        httpx.Client(base_url=url, trust_env=False) as guest,
    ):
        credentials = {"username": "alice", "password": PASSWORD}
        alice.post("/register", json=credentials)
        token = alice.post("/login", json=credentials).json()["accessToken"]
        forged = {"X-Auth-User": "eve", "X-Auth-User-Id": "eve", "X-Auth-Roles": "admin", "X-Auth-Session": "eve"}

        refused = guest.get("/orders", headers=forged)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")

        for response in (
            guest.get("/orders", headers=forged | {"Authorization": f"Bearer {token}"}),
            guest.post("/orders", headers=forged | {"Authorization": f"Bearer {token}"}, content=b"x" * 10_000),
        ):
            assert response.status_code == 200
            received = response.json()
            assert received["x-auth-user"] == "alice"
            assert len(received["x-auth-user-id"]) == len(received["x-auth-session"]) == 36
            assert "x-auth-roles" not in received
            assert "authorization" not in received

        alice.post("/logout")
        assert guest.get("/orders", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("path", ("/metrics", "/health/ready"))
def test_no_spelling_of_what_strangers_must_not_see_passes_the_shipped_proxy(tmp_path: Path, path: str) -> None:
    nginx_folder = tmp_path / "nginx"
    nginx_folder.mkdir()
    port = free_port()
    with running_server(tmp_path / "jwtapi", METRICS_ENABLED="true") as jwtapi:
        with jwtapi.client() as operator:
            assert operator.get(path).status_code == 200
        with running_nginx(nginx_folder, port, shipped(nginx_folder, port, jwtapi)):
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
def test_what_is_sent_as_a_body_stays_a_body_behind_the_shipped_proxy(tmp_path: Path, protocol: str) -> None:
    nginx_folder = tmp_path / "nginx"
    nginx_folder.mkdir()
    port = free_port()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST /logout HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
    with (
        running_server(tmp_path / "jwtapi") as jwtapi,
        running_nginx(nginx_folder, port, shipped(nginx_folder, port, jwtapi)),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"{head}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert "/hidden" not in jwtapi.log.read_text()
