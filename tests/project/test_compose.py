"""What compose.yaml and its files promise, and what would hurt in silence if it were lost."""

import inspect
import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
import yaml

from jwtapi.composition import settings_class
from jwtapi.server import GRACE_SECONDS
from jwtapi.settings import load_settings
from jwtapi.web.request_body import MAX_BYTES
from tests.support.nginx import Directive, parsed
from tests.support.proxies import nginx_temporary_folders
from tests.support.server import clean_environment

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COPIES = {name: service for name, service in SERVICES.items() if service["image"] == "jwtapi"}
SETTINGS = {name: setting for service in COPIES.values() for name, setting in service["environment"].items()}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMAGE_SETTINGS = dict(re.findall(r"\b([A-Z_]+)=(\S+)", DOCKERFILE.partition("\nENV ")[2].partition("\nUSER")[0]))
NGINX_CONF = (ROOT / "deploy/nginx.conf").read_text()
NGINX = parsed(NGINX_CONF)
(UPSTREAM,) = NGINX.of("upstream")
(SERVER,) = [directive for directive in NGINX.of("server") if directive.block]


def address_of(name: str) -> str:
    address: str = SERVICES[name]["networks"]["proxied"]["ipv4_address"]
    return address


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def make_secrets(folder: Path) -> Path:
    """Run the script beside another compose.yaml, as it were."""
    (folder / "deploy").mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/make-secrets.sh", folder / "deploy")
    subprocess.run(["sh", "deploy/make-secrets.sh"], cwd=folder, env=clean_environment(), check=True)  # noqa: S607
    return folder / "secrets"


def test_compose_publishes_the_proxy_alone_and_only_on_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "proxy": ["127.0.0.1:8080:8080"]
    }
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_compose_gives_only_the_proxy_a_network_with_a_way_out() -> None:
    open_networks = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert open_networks == {"edge"}
    assert [name for name, service in SERVICES.items() if "edge" in service["networks"]] == ["proxy"]
    assert "data" not in SERVICES["proxy"]["networks"]


def test_compose_runs_two_copies_at_the_addresses_that_the_proxy_asks() -> None:
    assert UPSTREAM.arguments == ("jwtapi",)
    assert SERVER.values("proxy_pass") == [("http://jwtapi",)]
    asked = [address for address, *_ in UPSTREAM.values("server")]
    assert asked == [f"{address_of(name)}:{IMAGE_SETTINGS['PORT']}" for name in ("jwtapi-1", "jwtapi-2")]
    assert COPIES.keys() == {"jwtapi-1", "jwtapi-2"}
    (pool,) = COMPOSE["networks"]["proxied"]["ipam"]["config"]
    network = ipaddress.ip_network(pool["subnet"])
    assert all(ipaddress.ip_address(address_of(name)) in network for name in (*COPIES, "proxy"))


def test_the_copies_of_compose_trust_the_proxy_alone() -> None:
    assert SETTINGS["TRUSTED_PROXIES"] == address_of("proxy")
    headers = SERVER.values("proxy_set_header")
    assert ("X-Forwarded-For", "$proxy_add_x_forwarded_for") in headers
    assert ("Host", "$http_host") in headers


def test_every_setting_of_compose_exists() -> None:
    assert {name.removesuffix("_FILE").lower() for name in SETTINGS} <= settings_class().model_fields.keys()


def test_the_settings_of_compose_make_a_production_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = make_secrets(tmp_path)
    for name, value in (IMAGE_SETTINGS | SETTINGS).items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(secrets)))
    settings = load_settings(env_file=None, kind=settings_class())
    assert settings.in_production
    assert settings.host == "0.0.0.0"  # noqa: S104  of the container
    assert settings.rate_limit_enabled
    database = urlsplit(settings.database_url.get_secret_value())
    assert (database.scheme, database.hostname, database.username) == ("postgresql+asyncpg", "postgres", "jwtapi")
    assert database.password == (secrets / "postgres_password").read_text()


def test_compose_yaml_contains_no_secret() -> None:
    for service in SERVICES.values():
        given = service.get("environment", {})
        for name, value in given.items():
            assert not re.search(r"SECRET$|PASSWORD$|DATABASE_URL$", name) or value == ""
            assert not urlsplit(value).password
        files = [value for name, value in given.items() if name.endswith("_FILE")]
        assert sorted(files) == sorted(f"/run/secrets/{name}" for name in service.get("secrets", []))
    assert COMPOSE["secrets"] == {name: {"file": f"secrets/{name}"} for name in COMPOSE["secrets"]}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")


def test_make_secrets_makes_secrets_once_and_readable_for_the_containers(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    made = {file.name: file.read_text() for file in secrets.iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert len(set(made.values())) == len(made)
    assert all(re.fullmatch("[0-9a-f]{64}", text) for name, text in made.items() if name != "database_url")
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in secrets.iterdir())
    make_secrets(tmp_path)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == made


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_of_compose_has_a_named_version(name: str) -> None:
    assert name in COPIES or re.fullmatch(
        r"[a-z]+:\d+(\.\d+)*-[a-z0-9.]+(@sha256:[0-9a-f]{64})?", SERVICES[name]["image"]
    )
    assert SERVICES["jwtapi-1"]["build"] == "."


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_of_compose_has_the_least_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] if name in COPIES else service["user"]
    assert user.partition(":")[0] not in ("", "0", "root")


def test_each_service_of_compose_has_a_health_check_and_starts_after_those_it_needs() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == list(COPIES)
    assert "\nHEALTHCHECK " in DOCKERFILE
    healthy = {"condition": "service_healthy"}
    assert SERVICES["proxy"]["depends_on"] == dict.fromkeys(COPIES, healthy)
    for copy in COPIES.values():
        assert copy["depends_on"] == {"postgres": healthy, "redis": {"condition": "service_started"}}


def test_compose_stops_a_copy_after_its_requests_are_finished() -> None:
    assert all(seconds(copy["stop_grace_period"]) > GRACE_SECONDS for copy in COPIES.values())


def test_the_redis_of_compose_evicts_nothing_when_it_is_full() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "--maxmemory" in command


def test_the_database_of_compose_is_on_a_volume() -> None:
    # From 18 on the image keeps its data in a folder of the version in there; see its documentation of PGDATA.
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert "postgres" in COMPOSE["volumes"]


def test_the_proxy_sends_no_post_twice() -> None:
    assert NGINX.values("proxy_next_upstream") == [("error", "timeout")]
    ((idle,),) = UPSTREAM.values("keepalive_timeout")
    assert seconds(idle) < inspect.signature(uvicorn.Config).parameters["timeout_keep_alive"].default


def test_the_proxy_takes_the_bodies_that_the_copies_take() -> None:
    assert NGINX.values("client_max_body_size") == [(f"{MAX_BYTES // 1024}k",)]


def test_the_proxy_keeps_to_itself_what_strangers_must_not_see() -> None:
    not_found = (Directive("return", ("404",)),)
    hidden = [location.arguments for location in SERVER.of("location") if location.block == not_found]
    assert hidden[1:] == [("^~", "/metrics"), ("^~", "/health/ready")]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on the PATH")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    # In the container these are in a tmpfs.
    folders = nginx_temporary_folders(tmp_path)
    configuration = NGINX_CONF.replace("pid /tmp/", f"pid {tmp_path}/").replace("http {", f"http {{ {folders}", 1)
    (tmp_path / "nginx.conf").write_text(configuration)
    check = ["nginx", "-t", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    result = subprocess.run(check, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
