"""What the systemd unit and the Kubernetes manifests promise, and what would hurt in silence if it were lost."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from jwtapi.composition import settings_class
from jwtapi.server import GRACE_SECONDS
from tests.support.server import JWTAPI

ROOT = Path(__file__).parents[2]
UNIT_FILE = ROOT / "deploy/jwtapi.service"
UNIT = ConfigParser(strict=False, interpolation=None)
UNIT.read(UNIT_FILE)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KUBERNETES = ROOT / "deploy/kubernetes"
MANIFESTS: dict[str, Any] = {path.name: yaml.safe_load(path.read_text()) for path in KUBERNETES.glob("*.yaml")}
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml")
DEPLOYMENT = MANIFESTS["deployment.yaml"]["spec"]
PODS = {name: MANIFESTS[name]["spec"]["template"] for name in ("deployment.yaml", "migration.yaml")}
CONTAINERS = {name: pod["spec"]["containers"][0] for name, pod in PODS.items()}
SERVER = CONTAINERS["deployment.yaml"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on the PATH")
def test_systemd_accepts_the_unit_and_rates_it_as_confined(tmp_path: Path) -> None:
    unit = tmp_path / "jwtapi.service"
    unit.write_text(UNIT_FILE.read_text().replace("/opt/jwtapi/bin/jwtapi", str(JWTAPI)))
    for check in (["verify"], ["security", "--offline=true", "--threshold=20"]):  # of 100
        result = subprocess.run(["systemd-analyze", *check, unit], check=False, capture_output=True, text=True)  # noqa: S607
        assert result.returncode == 0, result.stdout + result.stderr
        assert str(unit) not in result.stderr


def test_the_unit_waits_for_the_requests_in_flight_and_lets_the_parent_end_its_workers() -> None:
    assert UNIT.getint("Service", "TimeoutStopSec") > GRACE_SECONDS
    assert UNIT["Service"]["KillMode"] == "mixed"


def test_every_manifest_is_applied_but_for_the_secret_which_is_an_example_without_values() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(MANIFESTS.keys() - {"secret.example.yaml"})
    secret = MANIFESTS["secret.example.yaml"]
    assert secret["stringData"] == {"JWT_SECRET": "", "REFRESH_SECRET": "", "DATABASE_URL": ""}
    (config,) = KUSTOMIZATION["configMapGenerator"]
    names = [*secret["stringData"], *(literal.partition("=")[0] for literal in config["literals"])]
    assert {name.lower() for name in names} <= settings_class().model_fields.keys()
    for container in CONTAINERS.values():
        assert container["envFrom"] == [
            {"configMapRef": {"name": config["name"]}},
            {"secretRef": {"name": secret["metadata"]["name"]}},
        ]


def test_every_manifest_selects_the_pods_of_the_deployment() -> None:
    labels = PODS["deployment.yaml"]["metadata"]["labels"]
    budget = MANIFESTS["disruption-budget.yaml"]["spec"]
    assert DEPLOYMENT["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == labels
    assert MANIFESTS["service.yaml"]["spec"]["selector"] == labels
    assert PODS["migration.yaml"]["metadata"]["labels"] != labels  # or the service would send it requests
    assert budget["minAvailable"] < DEPLOYMENT["replicas"]
    (policy,) = MANIFESTS["network-policy.yaml"]["spec"]["podSelector"]["matchExpressions"]
    assert policy["values"] == [pod["metadata"]["labels"][policy["key"]] for pod in PODS.values()]


def test_each_kubernetes_probe_asks_its_endpoint_on_the_port_of_the_image() -> None:
    asked = {name: SERVER[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    assert {probe["port"] for probe in asked.values()} == {"http"}
    ports = {port["name"]: port["containerPort"] for port in SERVER["ports"]}
    assert f"PORT={ports['http']} " in DOCKERFILE
    assert MANIFESTS["service.yaml"]["spec"]["ports"] == [{"name": "http", "port": ports["http"], "targetPort": "http"}]


def test_kubernetes_replaces_a_pod_after_another_is_ready_and_stops_it_after_its_requests() -> None:
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (config,) = KUSTOMIZATION["configMapGenerator"]
    drain = int(dict(literal.split("=", 1) for literal in config["literals"])["DRAIN_SECONDS"])
    assert drain > 0
    assert PODS["deployment.yaml"]["spec"]["terminationGracePeriodSeconds"] >= drain + GRACE_SECONDS + 2


def test_the_job_and_the_unit_wait_for_a_database_that_starts_at_the_same_time() -> None:
    assert CONTAINERS["migration.yaml"]["command"] == ["jwtapi", "migrate", "--wait-for-database=240"]
    assert UNIT["Service"]["ExecStart"] == "/opt/jwtapi/bin/jwtapi serve --wait-for-database"


@pytest.mark.parametrize("name", PODS)
def test_each_pod_has_the_least_privileges(name: str) -> None:
    pod, container = PODS[name]["spec"], CONTAINERS[name]
    (user,) = re.findall(r"^USER (\d+):", DOCKERFILE, re.MULTILINE)
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
