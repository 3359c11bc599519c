"""What the plugins for coverage.py measure, and what they leave out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import clean_environment

ROOT = Path(__file__).parents[2]
PLUGINS = 'plugins = ["trace_greenlets", "pause_imports"]'
GREENLETS = """\
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

IMPORT = """\
import builtins

def ignore(text):
    return None

builtins.print = ignore
import this
if builtins.print is not ignore:
    never()
{then}
"""
"""Python's module `this` prints when it is imported."""


def measure(folder: Path, text: str) -> dict[str, Any]:
    """Run a program with the plugins, and return what coverage.py reports about it."""
    program, config, report = folder / "measured.py", folder / "coverage.toml", folder / "report.json"
    program.write_text(text)
    config.write_text(f"[tool.coverage.run]\nbranch = true\n{PLUGINS}\n")
    for words in (["run", str(program)], ["json", "--quiet", "-o", str(report)]):
        coverage = [sys.executable, "-m", "coverage", words[0], f"--rcfile={config}", *words[1:]]
        environment = {name: value for name, value in clean_environment().items() if "COVERAGE" not in name}
        subprocess.run(coverage, cwd=folder, env=environment, check=True)
    measured: dict[str, Any] = json.loads(report.read_text())["files"]["measured.py"]
    return measured


@pytest.mark.parametrize(
    "run", ("for _ in range(3): assert outer() == 'done'", "t = Thread(target=outer); t.start(); t.join()")
)
def test_greenlets_that_run_in_turns_are_measured_each_by_itself(tmp_path: Path, run: str) -> None:
    measured = measure(tmp_path, GREENLETS.format(run=run))
    assert measured["missing_lines"] == [7, 14]
    assert measured["missing_branches"] == [[6, 7], [13, 14]]
    assert measured["executed_branches"] == [[6, 8], [13, 15]] or "for" in run


@pytest.mark.parametrize(("then", "missing"), (("", [4, 9]), ("ignore('this text')", [9])))
def test_nothing_is_measured_while_a_module_of_others_is_imported(
    tmp_path: Path, then: str, missing: list[int]
) -> None:
    measured = measure(tmp_path, IMPORT.format(then=then))
    assert measured["missing_lines"] == missing
    assert measured["executed_branches"] == [[8, 10 if then else -1]]


def test_the_plugins_are_used_by_the_tests_of_the_project() -> None:
    assert PLUGINS in (ROOT / "pyproject.toml").read_text()
