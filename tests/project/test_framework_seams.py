"""What leans on private parts of frameworks: the bounds in pyproject.toml and the table in CONTRIBUTING.md."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = {requirement.name: requirement for requirement in map(Requirement, PROJECT["dependencies"])}
SECTION = (ROOT / "CONTRIBUTING.md").read_text().partition("## What leans on private parts of frameworks\n")[2]
ROWS = [
    re.findall(r"`((?:src/jwtapi|tests)/[^`]+)`", row)
    for row in SECTION.partition("\n## ")[0].splitlines()
    if row.startswith("| `")
]


@pytest.mark.parametrize(
    ("framework", "next_release"),
    (
        ("fastapi", "{0}.{next_minor}.0"),
        ("starlette", "{next_major}.0.0"),
        ("uvicorn", "{0}.{next_minor}.0"),
    ),
)
def test_a_release_of_a_framework_that_may_move_its_private_parts_is_not_installed(
    framework: str, next_release: str
) -> None:
    major, minor, *_ = map(int, version(framework).split("."))
    allowed = REQUIREMENTS[framework].specifier
    assert version(framework) in allowed
    assert next_release.format(major, next_minor=minor + 1, next_major=major + 1) not in allowed


def test_each_file_and_each_test_of_the_table_of_seams_exists() -> None:
    assert ROWS
    for file, *tests in ROWS:
        assert (ROOT / file).is_file(), file
        assert tests, f"no test guards {file}"
        for test in tests:
            path, _, name = test.partition("::")
            assert (f"def {name}(" if name else "def test_") in (ROOT / path).read_text(), test
