"""The table of settings and `.env.example` equal the settings that the code has."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jwtapi.composition import settings_class
from jwtapi.settings import Environment, Settings, load_settings
from tests.conftest import JWT_SECRET, REFRESH_SECRET

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "settings.md"
"""The document that has the table of settings."""
EXAMPLE = ROOT / ".env.example"

SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
NAMES = sorted(name.upper() for name in settings_class().model_fields)
WITHOUT_VALUE = {"none", "the value of `LOGIN_RATE_LIMIT`", "this host only"} | {
    "the host of `PUBLIC_URL`",
    "the value of `ACCOUNT_PAGE_ENABLED`",
    "the host of `PUBLIC_URL`, or `jwtapi`",
}
"""What the table says of settings whose default is no value."""


class Row(NamedTuple):
    name: str
    default: str
    in_production: str


def rows() -> list[Row]:
    return [
        Row(*row)
        for row in re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?)\s?\| .* \|$", TABLE.read_text(), re.MULTILINE)
    ]


def value_of(cell: str) -> str:
    """The value in a cell, as a setting is written: several values are joined by commas, a remark is left out."""
    return "" if cell in WITHOUT_VALUE else ",".join(re.findall(r"`(.*?)`", cell))


def example() -> list[tuple[str, str]]:
    """The lines of the example, the commented ones too."""
    return re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)


def load(folder: Path, values: dict[str, str]) -> Settings:
    file = folder / "settings.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in (SECRETS | values).items()))
    return load_settings(file, kind=settings_class())


def defaults(environment: Environment) -> Settings:
    secrets: dict[str, Any] = {name.lower(): value for name, value in SECRETS.items()}
    return load_settings(env_file=None, kind=settings_class(), environment=environment, **secrets)


def is_no_value(name: str, environment: Environment) -> bool:
    return getattr(defaults(environment), name.lower()) in (None, ())


def test_the_table_names_every_setting_once_and_no_other() -> None:
    assert sorted(row.name for row in rows()) == NAMES


def test_the_table_shows_the_defaults_of_development(tmp_path: Path) -> None:
    shown = {row.name: value_of(row.default) for row in rows() if row.name not in SECRETS}
    assert load(tmp_path, shown) == defaults(Environment.DEVELOPMENT)
    assert {name for name, value in shown.items() if not value} == {
        name for name in shown if is_no_value(name, Environment.DEVELOPMENT)
    }


def test_the_table_shows_the_defaults_of_production_where_they_differ(tmp_path: Path) -> None:
    shown = {row.name: value_of(row.in_production) for row in rows() if row.in_production}
    assert {row.name for row in rows() if row.in_production == "required"} == SECRETS.keys()
    development, production = (defaults(environment) for environment in Environment)
    differing = {name for name in NAMES if getattr(development, name.lower()) != getattr(production, name.lower())}
    assert shown.keys() == (differing - {"ENVIRONMENT"}) | SECRETS.keys()
    values = {name: value for name, value in shown.items() if name not in SECRETS}
    assert load(tmp_path, {"ENVIRONMENT": "production"} | values) == production


def test_the_example_names_every_setting_once_and_no_other() -> None:
    assert sorted(name for name, _ in example()) == NAMES


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    shown = {name: value for name, value in example() if name not in SECRETS}
    assert load(tmp_path, shown) == defaults(Environment.DEVELOPMENT)
    assert {name for name, value in shown.items() if not value} == {
        name for name in shown if is_no_value(name, Environment.DEVELOPMENT)
    }


def test_the_example_is_a_file_that_works_when_the_secrets_are_filled_in(tmp_path: Path) -> None:
    text = re.sub(r"^# ([A-Z_]+=)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    for name, value in SECRETS.items():
        text = text.replace(f"{name}=", f"{name}={value}")
    file = tmp_path / ".env"
    file.write_text(text)
    assert load_settings(file, kind=settings_class()) == defaults(Environment.DEVELOPMENT)


def test_the_example_names_the_defaults_of_production_that_differ() -> None:
    remarks = re.findall(r"Default in production: ([A-Za-z0-9]+)\.\n# ([A-Z_]+)=", EXAMPLE.read_text())
    assert {name: value for value, name in remarks} == {
        row.name: value_of(row.in_production) for row in rows() if row.in_production and row.name not in SECRETS
    }


@pytest.mark.parametrize("name", SECRETS)
def test_the_example_has_no_secret(name: str) -> None:
    assert (name, "") in example()
