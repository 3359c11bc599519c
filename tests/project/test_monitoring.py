"""What operators are given agrees with what /metrics says: the table, the alerts, the dashboard."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import MakeSettings, on_sqlite
from tests.support.api import running_api
from tests.support.clock import FakeClock

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus-rules.yml"
DASHBOARD = ROOT / "deploy/grafana-dashboard.json"
OF_PROMETHEUS = {"up"}

Exposed = dict[str, tuple[str, frozenset[str]]]

PROMTOOL = shutil.which("promtool")


@pytest.fixture
async def exposed(make_settings: MakeSettings, clock: FakeClock) -> Exposed:
    """Type and labels of each metric at /metrics."""
    async with running_api(make_settings(metrics_enabled=True), clock) as api:
        client = api.client()
        await client.get("/")
        while "jwtapi_workers 1.0" not in (text := (await client.get("/metrics")).text):
            await asyncio.sleep(0)
    return {
        name: (family.type, frozenset().union(*(sample.labels for sample in family.samples)) - {"le"})
        for family in text_string_to_metric_families(text)
        for name in [f"{family.name}_total" if family.type == "counter" else family.name]
    }


@on_sqlite
async def test_the_table_of_metrics_names_each_metric_and_no_other(exposed: Exposed) -> None:
    rows = re.findall(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    documented = {name: (type_, frozenset(filter(None, labels.split(",")))) for name, labels, type_ in rows}
    assert len(rows) == len(documented)
    assert documented == exposed


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions_of_dashboard() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def metrics_of(expression: str) -> set[str]:
    """Names outside of braces and quotes that are no function, no keyword and no label."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring) *\([^)]*\)", "", expression)
    names = re.findall(r"\b[a-z]\w+\b(?! *\()", bare)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} - {"or", "and", "unless", "by"}


@on_sqlite
async def test_the_alerts_use_metrics_that_exist(exposed: Exposed) -> None:
    assert len(rules()) == 6
    for rule in rules():
        assert metrics_of(rule["expr"]) <= exposed.keys() | OF_PROMETHEUS, rule["alert"]
        assert metrics_of(rule["expr"])
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert len(rule["annotations"]["runbook"]) > 100


@on_sqlite
async def test_the_dashboard_shows_metrics_that_exist(exposed: Exposed) -> None:
    shown = set().union(*map(metrics_of, expressions_of_dashboard()))
    assert shown == exposed.keys() | OF_PROMETHEUS


def test_the_dashboard_has_the_form_that_grafana_imports() -> None:
    model = dashboard()
    assert model["schemaVersion"] >= 38  # that of Grafana 10
    assert [variable["name"] for variable in model["templating"]["list"]] == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in model["panels"]]
    assert len(ids) == len(set(ids))
    for panel in model["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_alerts_fire_when_they_should_and_the_expressions_are_sound(tmp_path: Path) -> None:
    variables = {"$__rate_interval": "5m", "$job": "jwtapi", "$instance": ".*"}
    expressions = list(expressions_of_dashboard())
    for name, value in variables.items():
        expressions = [expression.replace(name, value) for expression in expressions]
    recorded = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(expressions)]
    panels = tmp_path / "panels.yml"
    panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    for arguments in (
        ["check", "rules", RULES],
        ["check", "rules", panels],
        ["test", "rules", Path(__file__).with_name("prometheus-rules.test.yml")],
    ):
        result = subprocess.run([str(PROMTOOL), *map(str, arguments)], check=False, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
