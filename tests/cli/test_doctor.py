from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import PostgreSQL
from tests.support.server import free_port


@pytest.fixture(autouse=True)
def configuration(folder: Path) -> Path:
    env_file = folder / ".env"
    env_file.touch(mode=0o600)
    env_file.write_text(f"JWT_SECRET={JWT_SECRET}\nREFRESH_SECRET={REFRESH_SECRET}\n")
    return env_file


def test_a_sound_configuration_has_nothing_wrong(run: Run) -> None:
    run("migrate")
    result = run("doctor")
    assert (result.exit_code, result.stdout) == (0, "✓ Nothing is wrong.\n")


def test_it_changes_nothing(run: Run, folder: Path) -> None:
    run("doctor")
    assert [path.name for path in folder.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    (
        ("COOKIE_SECURE", "false", "COOKIE_SECURE is false in production"),
        ("RATE_LIMIT_ENABLED", "false", "RATE_LIMIT_ENABLED is false in production"),
        ("PASSWORD_BLOCKLIST", "false", "PASSWORD_BLOCKLIST is false in production"),
        ("DOCS_ENABLED", "true", "DOCS_ENABLED is true in production"),
        ("CORS_ORIGINS", "http://app.example", "CORS_ORIGINS has an http:// origin in production"),
        ("TRUSTED_PROXIES", "::/0", "TRUSTED_PROXIES trusts everybody"),
        ("ACCESS_TOKEN_TTL", "3601", "ACCESS_TOKEN_TTL is over an hour"),
        ("PORT", "eighty", "PORT: Input should be a valid integer"),
    ),
)
def test_what_is_unwise_or_wrong_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    run("migrate")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "12")
    assert run("doctor").exit_code == 0
    monkeypatch.setenv(variable, value)
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"✗ {complaint}")
    assert result.stdout.count("\n") == 1


def test_a_python_with_known_holes_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("migrate")
    monkeypatch.setattr("jwtapi.interpreter.RUNNING", (3, 11, 7))
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith("✗ Python 3.11.7 has known holes")
    assert result.stdout.count("\n") == 1


def test_a_dot_env_that_others_can_read_is_said(run: Run, configuration: Path) -> None:
    run("migrate")
    configuration.chmod(0o644)
    assert run("doctor").stdout == "✗ .env can be read by other users of this machine: chmod 600 .env\n"


def test_an_sqlite_file_without_the_schema_is_nothing_wrong(run: Run, folder: Path) -> None:
    (folder / "jwtapi.db").touch()
    assert run("doctor").exit_code == 0


def test_another_database_without_the_schema_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql.new_empty_database())
    assert "`jwtapi migrate`" in run("doctor").stdout
    run("migrate")
    assert run("doctor").exit_code == 0


def test_a_database_and_a_limiter_that_do_not_answer_are_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d")
    monkeypatch.setenv("RATE_LIMIT_STORAGE_URI", f"redis://:hunter2@127.0.0.1:{free_port()}")
    result = run("doctor")
    assert result.stdout.splitlines() == [
        "✗ DATABASE_URL: the database does not answer (ConnectionRefusedError)",
        "✗ RATE_LIMIT_STORAGE_URI: Redis does not answer",
    ]
