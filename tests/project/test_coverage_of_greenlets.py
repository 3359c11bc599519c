"""Lines that run in greenlets are measured, each in its own file and function."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import clean_environment

ROOT = Path(__file__).parents[2]
MEASURED = """\
from threading import Thread
from greenlet import getcurrent, greenlet

def inner(parent):
    parent.switch()
    if parent.dead:
        return "never"
    return "done"

def outer():
    child = greenlet(inner)
    child.switch(getcurrent())
    if child.dead:
        return "never"
    return child.switch()

{run}
"""
"""`outer` and `inner` call each other in turns, and neither returns before the other goes on."""


@pytest.mark.parametrize(
    "run", ("for _ in range(3): assert outer() == 'done'", "t = Thread(target=outer); t.start(); t.join()")
)
def test_greenlets_that_run_in_turns_are_measured_each_by_itself(tmp_path: Path, run: str) -> None:
    program, config, report = tmp_path / "measured.py", tmp_path / "coverage.toml", tmp_path / "report.json"
    program.write_text(MEASURED.format(run=run))
    config.write_text('[tool.coverage.run]\nbranch = true\nplugins = ["trace_greenlets"]\n')
    for words in (["run", str(program)], ["json", "--quiet", "-o", str(report)]):
        coverage = [sys.executable, "-m", "coverage", words[0], f"--rcfile={config}", *words[1:]]
        environment = {name: value for name, value in clean_environment().items() if "COVERAGE" not in name}
        subprocess.run(coverage, cwd=tmp_path, env=environment, check=True)
    measured = json.loads(report.read_text())["files"]["measured.py"]
    assert measured["missing_lines"] == [7, 14]
    assert measured["missing_branches"] == [[6, 7], [13, 14]]
    assert measured["executed_branches"] == [[6, 8], [13, 15]] or "for" in run


def test_the_plugin_is_used_by_the_tests_of_the_project() -> None:
    assert 'plugins = ["trace_greenlets"]' in (ROOT / "pyproject.toml").read_text()
