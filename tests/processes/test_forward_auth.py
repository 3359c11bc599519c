"""Real proxies with the configurations of docs/forward-auth.md, in front of a service without code for tokens."""

import os
import re
import shutil
import socket
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.proxies import EchoService, nginx_command, nginx_temporary_folders, running_proxy, running_service
from tests.support.server import Server, free_port, running_server

PAGE = (Path(__file__).parents[2] / "docs/forward-auth.md").read_text()
APACHE_MODULES = Path("/usr/lib/apache2/modules")
APP = "https://app.example.com"
IDENTITY = ("X-Auth-User", "X-Auth-User-Id", "X-Auth-Roles", "X-Auth-Session")
SEPARATORS = "-_.~!#$%&'*+^`|"
FORGED = [(name.replace("-", separator), "eve") for name in IDENTITY for separator in SEPARATORS]
FORGED += [(name.upper(), "eve") for name in IDENTITY] + [("x-Auth_Roles", "eve"), ("X_auth-Roles", "eve")]
WEBSOCKET = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST"}


@dataclass(frozen=True)
class Stage:
    folder: Path
    jwtapi: Server
    service: EchoService

    def printed(self, heading: str, port: int) -> tuple[str, ...]:
        """The blocks of lines below a heading of the page, with the addresses of this stage."""
        (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        places = {
            "127.0.0.1:4000": f"127.0.0.1:{self.jwtapi.port}",
            "127.0.0.1:8000": f"127.0.0.1:{self.service.server_port}",
            "8080": f"{port}",
            "example.org {": f"http://127.0.0.1:{port} {{",
            "/etc/haproxy/": f"{self.folder}/haproxy-",
            "/etc/apache2/": f"{self.folder}/apache-",
        }
        blocks = re.findall(r"^```\w+\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        return tuple(
            re.sub("|".join(map(re.escape, places)), lambda match: places[match[0]], block) for block in blocks
        )

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)


def nginx(stage: Stage, port: int) -> list[str]:
    (lines,) = stage.printed("nginx", port)
    folders = nginx_temporary_folders(stage.folder)
    around = f"pid {stage.folder}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {folders}"
    return nginx_command(stage.folder, f"{around}\n{lines}}}")


def caddy(stage: Stage, port: int) -> list[str]:
    (lines,) = stage.printed("Caddy", port)
    return ["caddy", "run", "--config", stage.write("Caddyfile", "{\nadmin off\nauto_https off\n}\n" + lines)]


def haproxy(stage: Stage, port: int) -> list[str]:
    lines, script = stage.printed("HAProxy", port)
    stage.write("haproxy-jwtapi.lua", script)
    return ["haproxy", "-db", "-f", stage.write("haproxy.cfg", lines)]


def apache(stage: Stage, port: int) -> list[str]:
    lines, script = stage.printed("Apache", port)
    stage.write("apache-jwtapi.lua", script)
    loaded = ("mpm_event", "authz_core", "lua", "proxy", "proxy_http")
    modules = (f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in loaded)
    around = (
        *("ServerName localhost", f"PidFile {stage.folder}/apache.pid", f"DefaultRuntimeDir {stage.folder}"),
        *("ErrorLog /dev/stderr", "User nobody", "Group nogroup"),
    )
    configuration = stage.write("apache.conf", "\n".join((*around, *modules, lines)))
    return ["apache2", "-d", str(stage.folder), "-f", configuration, "-D", "FOREGROUND"]


RECIPES: dict[str, Callable[[Stage, int], list[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
    "apache2": apache,
}


def what_is_missing(program: str) -> str | None:
    if shutil.which(program) is None:
        return f"{program} is not on the PATH"
    if program == "apache2" and not ((APACHE_MODULES / "mod_lua.so").exists() and has_lua_socket()):
        return "Debian's packages apache2 and lua-socket are not installed"
    return None


def has_lua_socket() -> bool:
    return any(Path("/usr/share/lua").glob("*/socket/http.lua"))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    settings = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET, "CORS_ORIGINS": APP}
    with tempfile.TemporaryDirectory() as name, running_service() as service:
        folder = Path(name)
        folder.chmod(0o755)  # workers of a proxy that root starts are somebody else
        with running_server(folder / "jwtapi", RATE_LIMIT_ENABLED="false", **settings) as jwtapi:
            yield Stage(folder, jwtapi, service)


@pytest.fixture(scope="module")
def urls(stage: Stage) -> Iterator[dict[str, str]]:
    """Of every proxy that there is."""
    environment = os.environ | {"HOME": str(stage.folder), "XDG_CONFIG_HOME": str(stage.folder)}
    with ExitStack() as running:
        found = {}
        for program, recipe in RECIPES.items():
            if what_is_missing(program) is None:
                port = free_port()
                running.enter_context(running_proxy(recipe(stage, port), port, environment))
                found[program] = f"http://127.0.0.1:{port}"
        yield found


@pytest.fixture(params=RECIPES)
def guest(request: pytest.FixtureRequest, urls: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    if (missing := what_is_missing(request.param)) is not None:
        pytest.skip(missing)
    with httpx.Client(base_url=urls[request.param], trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def alice(stage: Stage) -> Iterator[httpx.Client]:
    """A client of jwtapi, signed in."""
    with stage.jwtapi.client() as client:
        client.post("/register", json={"username": "alice", "password": PASSWORD})
        sign_in(client)
        yield client


@pytest.fixture
def token(alice: httpx.Client) -> dict[str, str]:
    return {"Authorization": alice.headers["Authorization"]}


def sign_in(client: httpx.Client) -> None:
    answer = client.post("/login", json={"username": "alice", "password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {answer['accessToken']}"


def as_variables(echo: dict[str, Any]) -> dict[str, list[str]]:
    """What a service gets that reads headers as CGI and PHP do."""
    variables = defaultdict(list)
    for name, value in echo["headers"]:
        variables[re.sub("[^A-Z0-9]", "_", name.upper())].append(value)
    return dict(variables)


def raw(client: httpx.Client, request: str) -> bytes:
    """What comes back until the proxy closes the connection; HOST stands for its own name."""
    host = client.base_url.netloc.decode()
    answer = b""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30) as connection:
        connection.sendall(request.replace("HOST", host).encode())
        while received := connection.recv(65536):
            answer += received
    return answer


def test_a_service_behind_the_proxy_gets_the_signed_in_user_and_no_made_up_header(
    guest: httpx.Client, alice: httpx.Client, token: dict[str, str]
) -> None:
    verified = alice.get("/auth/verify").headers
    whole = "x" * 200_000
    for method, content, body in (("GET", "", ""), ("POST", whole, whole), ("POST", iter([whole.encode()]), whole)):
        answer = guest.request(method, "/orders", headers=[*FORGED, *token.items()], content=content)
        assert answer.status_code == 200
        variables = as_variables(answer.json())
        identity = {name: values for name, values in variables.items() if name.startswith("X_AUTH")}
        identity.setdefault("X_AUTH_ROLES", [""])  # nginx leaves out what is empty
        assert identity == {name.upper().replace("-", "_"): [verified[name]] for name in IDENTITY}
        assert answer.json()["body"] == body


def test_a_service_behind_the_proxy_gets_the_user_of_an_api_key_without_a_session(
    guest: httpx.Client, alice: httpx.Client
) -> None:
    key = alice.post("/api/keys", json={"name": "backup"}).json()["key"]
    answer = guest.get("/orders", headers=[*FORGED, ("Authorization", f"Bearer {key}")])
    assert answer.status_code == 200
    variables = as_variables(answer.json())
    assert variables["X_AUTH_USER"] == ["alice"]
    assert variables.get("X_AUTH_SESSION", [""]) == [""]  # nginx leaves out what is empty


def test_a_client_cannot_make_the_proxy_drop_a_header_or_change_the_protocol(
    guest: httpx.Client, token: dict[str, str]
) -> None:
    for protocol in ("h2c", "websocket"):
        asked = {"Connection": f"Upgrade, {', '.join(IDENTITY)}", "Upgrade": protocol, **WEBSOCKET}
        variables = as_variables(guest.get("/", headers=token | asked).json())
        assert variables["X_AUTH_USER"] == ["alice"]
        assert variables.keys() >= {"X_AUTH_USER_ID", "X_AUTH_SESSION"}
        assert "UPGRADE" not in variables
        assert not re.search("auth|upgrade", "".join(variables.get("CONNECTION", ())), re.IGNORECASE)


def test_no_token_cookie_or_made_up_address_reaches_a_service_behind_the_proxy(
    guest: httpx.Client, token: dict[str, str]
) -> None:
    secrets = token | {"Cookie": "refreshToken=x", "X-Forwarded-For": "198.51.100.1"}
    for method, headers in (("GET", secrets), ("OPTIONS", secrets | PREFLIGHT)):
        variables = as_variables(guest.request(method, "/", headers=headers).json())
        assert not variables.keys() & {"AUTHORIZATION", "COOKIE"}
        assert variables["X_FORWARDED_FOR"] == ["127.0.0.1"]


@pytest.mark.parametrize("sent", ({}, {"Authorization": "Bearer forged"}))
def test_the_proxy_passes_on_the_refusal_of_jwtapi(stage: Stage, guest: httpx.Client, sent: dict[str, str]) -> None:
    before = stage.service.received
    refused = guest.post("/orders", headers=sent | {"Origin": APP}, content="x" * 10_000)
    with stage.jwtapi.client() as direct:
        expected = direct.get("/auth/verify", headers=sent | {"Origin": APP})
    assert (refused.status_code, refused.json()) == (401, expected.json())
    for name in ("www-authenticate", "access-control-allow-origin", "access-control-allow-credentials", "vary"):
        assert refused.headers.get_list(name) == expected.headers.get_list(name)
    assert stage.service.received == before


def test_a_preflight_passes_the_proxy_without_a_user(guest: httpx.Client) -> None:
    answer = guest.options("/orders", headers=[*FORGED, *PREFLIGHT.items()])
    variables = as_variables(answer.json())
    assert answer.json()["method"] == "OPTIONS"
    assert variables["ACCESS_CONTROL_REQUEST_METHOD"] == ["POST"]
    assert not [name for name in variables if name.startswith("X_AUTH")]


def test_no_request_reaches_a_service_behind_the_proxy_without_verification(stage: Stage, guest: httpx.Client) -> None:
    before = stage.service.received
    origin, method = (f"{name}: {value}\r\n" for name, value in PREFLIGHT.items())
    for line, headers in (
        *(("OPTIONS /", some) for some in ("", origin, method)),
        *(
            (f"{other} /", origin + method)
            for other in ("GET", "HEAD", "POST", "TRACE", "PURGE", "options", "OPTIONSX")
        ),
        *((f"GET {target}", "") for target in ("//a", "/a/../b", "/%2e%2e/a", "/.", "*", "http://HOST/a", "/a?x#y")),
        *((f"GET {target}", "") for target in ("/jwtapi-verify", "/JWTAPI-VERIFY", "/jwtapi%2dverify", "/auth/verify")),
        *(("CONNECT HOST", ""), ("GET /", "Authorization: Bearer x\r\nAuthorization: Bearer y\r\n")),
    ):
        for version in ("1.0", "1.1"):
            answer = raw(guest, f"{line} HTTP/{version}\r\nHost: HOST\r\n{headers}Connection: close\r\n\r\n")
            assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), (line, headers, answer)
    hidden = "GET /hidden HTTP/1.1\r\nHost: HOST\r\nX-Auth-User: eve\r\nConnection: close\r\n\r\n"
    raw(guest, f"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}{hidden}")
    assert stage.service.received == before


def test_the_proxy_refuses_a_user_who_has_signed_out(
    guest: httpx.Client, alice: httpx.Client, token: dict[str, str]
) -> None:
    assert guest.get("/", headers=token).status_code == 200
    alice.post("/logout")
    assert guest.get("/", headers=token).status_code == 401
    sign_in(alice)


def test_the_proxy_lets_no_request_through_while_jwtapi_is_away(
    stage: Stage, urls: dict[str, str], token: dict[str, str]
) -> None:
    before = stage.service.received
    stage.jwtapi.kill()
    try:
        for program, url in urls.items():
            answer = httpx.get(url, headers=token, trust_env=False, timeout=30)
            assert (program, answer.status_code) == (program, 502 if program == "caddy" else 503)
        assert stage.service.received == before
    finally:
        stage.jwtapi.start()
