"""A service that knows nothing of tokens, behind a real nginx that asks GET /auth/verify, with the README's lines."""

import json
import re
import shutil
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

README = (Path(__file__).parents[2] / "README.md").read_text()


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
def running_nginx(folder: Path, jwtapi: Server, backend: int) -> Iterator[str]:
    port = free_port()
    (lines,) = re.findall(r"```nginx\n(.*?)```", README, re.DOTALL)
    configuration = f"""
        daemon off; pid {folder}/pid; error_log stderr;
        events {{}}
        http {{
            access_log off; {temporary_folders(folder)}
            upstream jwtapi {{ server 127.0.0.1:{jwtapi.port}; keepalive 16; }}
            upstream backend {{ server 127.0.0.1:{backend}; }}
            server {{ listen 127.0.0.1:{port}; {lines} }}
        }}
    """
    (folder / "nginx.conf").write_text(configuration)
    nginx = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")])  # noqa: S607
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


def test_nginx_lets_through_who_is_signed_in_and_says_who_it_is(tmp_path: Path) -> None:
    jwtapi_folder, nginx_folder = tmp_path / "jwtapi", tmp_path / "nginx"
    nginx_folder.mkdir()
    with (
        running_server(jwtapi_folder, JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET) as jwtapi,
        running_backend() as backend,
        running_nginx(nginx_folder, jwtapi, backend) as url,
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
