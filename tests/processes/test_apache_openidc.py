"""Apache's mod_auth_openidc as a resource server, with the configuration of docs/checking-tokens.md."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.support.certificates import self_signed
from tests.support.foreign_tokens import Tokens, issuing_server, tokens_of
from tests.support.proxies import EchoService, running_proxy, running_service
from tests.support.server import free_port

PAGE = (Path(__file__).parents[2] / "docs/checking-tokens.md").read_text()
MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "proxy", "proxy_http", "ssl")

pytestmark = [
    pytest.mark.skipif(shutil.which("apache2") is None, reason="apache2 is not on the PATH"),
    pytest.mark.skipif(
        not (MODULES / "mod_auth_openidc.so").exists(),
        reason="Debian's package libapache2-mod-auth-openidc is not installed",
    ),
]


class Stage(NamedTuple):
    guest: httpx.Client
    service: EchoService
    tokens: Tokens


@pytest.fixture(scope="module", params=("ES256", "RS256"))  # the module knows no EdDSA
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # workers of an Apache that root starts are somebody else
        with _running(folder, request.param) as stage:
            yield stage


@contextmanager
def _running(folder: Path, algorithm: str) -> Iterator[Stage]:
    secure_port, port = free_port(), free_port()
    issuer = f"https://127.0.0.1:{secure_port}"  # the module fetches keys by https only
    server = issuing_server(folder / "jwtapi", algorithm, PUBLIC_URL=issuer)
    server.start()
    try:
        with running_service() as service:
            (printed,) = re.findall(r"^```apache\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
            printed = printed.replace("https://auth.example.com", issuer)
            printed = printed.replace("127.0.0.1:8000", f"127.0.0.1:{service.server_port}")
            command = _apache(folder, port, printed, secure_port, server.base_url)
            guest = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
            with running_proxy(command, port), guest:
                yield Stage(guest, service, tokens_of(server))
    finally:
        server.stop()


def _apache(folder: Path, port: int, printed: str, secure_port: int, jwtapi: str) -> list[str]:
    """Return a command that runs the printed lines on `port`, and jwtapi behind https on `secure_port`."""
    certificate = self_signed(folder)
    lines = (
        *("ServerName localhost", f"PidFile {folder}/apache.pid", f"DefaultRuntimeDir {folder}"),
        *("ErrorLog /dev/stderr", "User nobody", "Group nogroup", f"OIDCCABundlePath {certificate.file}"),
        *(f"Listen 127.0.0.1:{port}", f"<VirtualHost 127.0.0.1:{port}>", printed, "</VirtualHost>"),
        *(f"Listen 127.0.0.1:{secure_port}", f"<VirtualHost 127.0.0.1:{secure_port}>", "SSLEngine on"),
        *(f"SSLCertificateFile {certificate.file}", f"SSLCertificateKeyFile {certificate.key}"),
        *(f"ProxyPass / {jwtapi}/", "</VirtualHost>"),
    )
    modules = (f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
    configuration = folder / "apache.conf"
    configuration.write_text("\n".join((*modules, *lines, "")))
    return ["apache2", "-d", str(folder), "-f", str(configuration), "-D", "FOREGROUND"]


def test_apache_lets_a_good_token_through_and_names_its_user_to_the_service(stage: Stage) -> None:
    forged = {"OIDC_CLAIM_username": "eve", "OIDC-CLAIM-username": "eve", "OIDC_CLAIM_roles": "admin"}
    answer = stage.guest.get("/orders", headers={"Authorization": f"Bearer {stage.tokens.good}"} | forged)
    assert answer.status_code == 200
    claims = [(name, value) for name, value in answer.json()["headers"] if re.match("oidc.claim", name, re.IGNORECASE)]
    assert [value for name, value in claims if re.fullmatch("oidc.claim.username", name, re.IGNORECASE)] == ["alice"]
    assert not [name for name, _ in claims if re.search("roles", name)]


def test_apache_refuses_every_bad_token_and_a_request_without_one(stage: Stage) -> None:
    before = stage.service.received
    answers = {
        what: stage.guest.get("/orders", headers={"Authorization": f"Bearer {token}"}).status_code
        for what, token in stage.tokens.bad.items()
    }
    assert {what: status for what, status in answers.items() if status not in {401, 403}} == {}
    assert stage.guest.get("/orders").status_code == 401
    assert stage.service.received == before
