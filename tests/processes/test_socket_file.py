"""A server that listens on a socket file (UDS)."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.proxies import nginx_command, nginx_temporary_folders, running_proxy
from tests.support.server import JWTAPI, Server, clean_environment, free_port, running_server

WRONG = {"username": "nobody", "password": "not the password"}


def run(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [JWTAPI, command],
        cwd=folder,
        env=clean_environment(**settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_workers_listen_on_the_socket_file_alone_until_they_end(tmp_path: Path) -> None:
    path = tmp_path / "jwtapi.sock"
    server = Server(tmp_path, UDS=str(path), WORKERS="2")
    server.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert '"event": "listening on the socket file of UDS, and not on HOST and PORT"' in server.log.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))

    second = run("serve", tmp_path, UDS=str(path))
    assert second.returncode == 1
    assert json.loads(second.stderr.splitlines()[-1])["event"].startswith(
        f"UDS: {path} exists and is not an unused socket"
    )
    assert "UDS" not in run("doctor", tmp_path, UDS=str(path), TRUSTED_PROXIES="unix").stdout

    assert server.stop(signal.SIGTERM) == 0
    assert not path.exists()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on the PATH")
def test_limits_count_the_clients_of_a_trusted_nginx_on_a_socket_file(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "jwtapi.sock"
    configuration = f"""
        pid {tmp_path}/pid; error_log stderr; events {{}}
        http {{
            access_log off; {nginx_temporary_folders(tmp_path)}
            upstream jwtapi {{ server unix:{path}; keepalive 16; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://jwtapi;
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $http_x_client;
                }}
            }}
        }}
    """
    if os.getuid() == 0:
        configuration = f"user root; {configuration}"  # or its workers may not write to the socket file
    with (
        running_server(tmp_path / "server", UDS=str(path), TRUSTED_PROXIES="unix", LOGIN_RATE_LIMIT="1/hour") as server,
        running_proxy(nginx_command(tmp_path, configuration), port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):
        statuses = [
            client.post("/login", json=WRONG, headers={"X-Client": address}).status_code
            for address in ("198.51.100.1", "198.51.100.2", "198.51.100.1", "198.51.100.2")
        ]
        assert statuses == [401, 401, 429, 429]
        log = server.log.read_text()
        assert '"client": "198.51.100.2"' in log
        with server.client() as direct:
            direct.get("/")
    assert '"client": "unix"' in server.log.read_text()
    assert not path.exists()


def test_the_socket_file_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "jwtapi.sock"
    server = Server(tmp_path, UDS=str(path))
    server.start()
    server.kill()
    assert path.is_socket()
    server.start()
    server.stop()
    assert not path.exists()


def test_an_untrusted_peer_on_a_socket_file_counts_as_one_client_and_the_start_warns(tmp_path: Path) -> None:
    with (
        running_server(tmp_path, UDS=str(tmp_path / "jwtapi.sock"), LOGIN_RATE_LIMIT="1/hour") as server,
        server.client() as client,
    ):
        assert (
            "UDS is set and TRUSTED_PROXIES does not name unix: all clients behind the proxy" in server.log.read_text()
        )
        addresses = ("198.51.100.1", "198.51.100.2")
        answers = [client.post("/login", json=WRONG, headers={"X-Forwarded-For": address}) for address in addresses]
        assert [answer.status_code for answer in answers] == [401, 429]
