"""A real nginx that serves jwtapi below a path, once with the path taken away and once with the path left."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.support.api import PASSWORD
from tests.support.proxies import nginx_command, nginx_temporary_folders, running_proxy
from tests.support.server import free_port, running_server

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on the PATH")


def test_every_feature_works_below_a_path_whether_or_not_the_proxy_removes_it(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    credentials = {"username": "alice", "password": PASSWORD}
    with running_server(tmp_path / "jwtapi", ROOT_PATH="/sso") as jwtapi:
        configuration = f"""
            pid {tmp_path}/pid; error_log stderr;
            events {{}}
            http {{
                access_log off; {nginx_temporary_folders(tmp_path)}
                server {{
                    listen 127.0.0.1:{port};
                    proxy_set_header Host $http_host;
                    location /sso/ {{ proxy_pass http://127.0.0.1:{jwtapi.port}$kept; }}
                }}
            }}
        """
        for kept in ("/", ""):
            with (
                running_proxy(nginx_command(tmp_path, configuration.replace("$kept", kept)), port),
                httpx.Client(base_url=url, headers={"Origin": url}, trust_env=False) as alice,
            ):
                alice.post("/sso/register", json=credentials)
                login = alice.post("/sso/login", json=credentials)
                assert login.status_code == 200
                assert all("Path=/sso;" in line for line in login.headers.get_list("set-cookie"))
                alice.headers["Authorization"] = f"Bearer {login.json()['accessToken']}"
                assert alice.post("/sso/refresh").status_code == 200
                for path in ("/profile", "/api/settings", "/auth/verify", "/docs", "/health/ready", "/"):
                    assert alice.get(f"/sso{path}").is_success, path
                assert [server["url"] for server in alice.get("/sso/openapi.json").json()["servers"]] == ["/sso"]
                assert alice.get("/sso/login").headers["allow"] == "POST"
                assert alice.post("/sso/logout").status_code == 200
                assert alice.post("/sso/refresh").status_code == 401
