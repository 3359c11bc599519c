from pathlib import Path

import pytest
from dotenv import dotenv_values

from jwtapi.env_file import add_missing_secrets


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_a_first_start_makes_both_secrets_for_the_owner_alone(env_file: Path) -> None:
    assert add_missing_secrets(env_file) == ["JWT_SECRET", "REFRESH_SECRET"]
    values = dotenv_values(env_file)
    assert values["JWT_SECRET"] != values["REFRESH_SECRET"]
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_a_second_start_changes_nothing(env_file: Path) -> None:
    add_missing_secrets(env_file)
    before = env_file.read_text()
    assert add_missing_secrets(env_file) == []
    assert env_file.read_text() == before


@pytest.mark.parametrize("text", ("PORT=5000", "PORT=5000\n", "# mine\nPORT=5000\nJWT_SECRET=\n"))
def test_what_the_file_holds_is_kept(env_file: Path, text: str) -> None:
    env_file.write_text(text)
    env_file.chmod(0o644)
    add_missing_secrets(env_file)
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert env_file.read_text().startswith(text)
    values = dotenv_values(env_file)
    assert values["PORT"] == "5000"
    assert values["JWT_SECRET"]
    assert values["REFRESH_SECRET"]


@pytest.mark.parametrize("variable", ("JWT_SECRET", "JWT_SECRET_FILE"))
def test_what_the_environment_has_is_not_made(env_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "whatever")
    assert add_missing_secrets(env_file) == ["REFRESH_SECRET"]
