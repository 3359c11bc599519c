from pathlib import Path

import pytest
from dotenv import dotenv_values

from jwtapi.env_file import EnvFileError, add_missing_secrets, names_given_twice, read_env_file


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_a_first_start_makes_both_secrets_for_the_owner_alone(env_file: Path) -> None:
    assert add_missing_secrets(env_file) == ["JWT_SECRET", "REFRESH_SECRET"]
    values = dotenv_values(env_file)
    assert values["JWT_SECRET"] != values["REFRESH_SECRET"]
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_a_second_start_does_not_change_the_env_file(env_file: Path) -> None:
    add_missing_secrets(env_file)
    before = env_file.read_text()
    assert add_missing_secrets(env_file) == []
    assert env_file.read_text() == before


@pytest.mark.parametrize("text", ("PORT=5000", "PORT=5000\n", "# mine\nPORT=5000\nJWT_SECRET=\n"))
def test_making_secrets_keeps_the_lines_of_the_env_file(env_file: Path, text: str) -> None:
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
def test_a_secret_that_the_environment_has_is_not_made(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "whatever")
    assert add_missing_secrets(env_file) == ["REFRESH_SECRET"]


NOT_UNDERSTOOD = "not understood; write NAME=value, close each quote, and use no control characters"


def problems(env_file: Path) -> list[str]:
    with pytest.raises(EnvFileError) as error:
        read_env_file(env_file)
    return [problem.removeprefix(f"{env_file}: ") for problem in error.value.problems]


@pytest.mark.parametrize(
    ("lines", "fault"),
    (
        ("ENVIRONMENT: production", f"line 3: {NOT_UNDERSTOOD}"),
        ("ENVIRONMENT:production", "line 3: not understood; write NAME=value"),
        ("JWT_SECRET:hunter2=hunter2", "line 3: not understood; write NAME=value"),
        ("ENVIRONMENT production", f"line 3: {NOT_UNDERSTOOD}"),
        ("set ENVIRONMENT=production", f"line 3: {NOT_UNDERSTOOD}"),
        ("export", "line 3: not understood; write NAME=value"),
        ("JWT_SECRET", "line 3: not understood; write NAME=value"),
        ("hunter2", "line 3: not understood; write NAME=value"),
        ("=hunter2", f"line 3: {NOT_UNDERSTOOD}"),
        ("JWT-SECRET=hunter2", "line 3: not understood; write NAME=value"),
        ('JWT_SECRET="hunter2', f"line 3: {NOT_UNDERSTOOD}"),
        ('JWT_SECRET="hunter2\nENVIRONMENT=production\nHOST="::"', f"line 3: {NOT_UNDERSTOOD}"),
        (
            "JWT_SECRET='hunter2\nENVIRONMENT=production\nHOST=h'",
            "line 3: the value continues on the next line; close the quote",
        ),
        ('JWT_SECRET="hunter2" and more', f"line 3: {NOT_UNDERSTOOD}"),
        ("JWT_SECRET=hunter\0", f"line 3: {NOT_UNDERSTOOD}"),
        ("JWT_SECRET=hunter${hunter2}", "line 3: ${…} refers to a variable that is not set"),
        ("\n\n # mine\n\n\tENVIRONMENT: production", f"line 7: {NOT_UNDERSTOOD}"),
    ),
)
@pytest.mark.parametrize("line_end", ("\n", "\r\n"))
def test_a_malformed_line_of_an_env_file_is_reported_by_number_and_without_its_content(
    env_file: Path, lines: str, fault: str, line_end: str
) -> None:
    env_file.write_bytes(f"PORT=1\n# mine\n{lines}\nWORKERS=2\n".replace("\n", line_end).encode())
    assert problems(env_file) == [fault]
    assert "hunter2" not in fault


def test_every_malformed_line_of_an_env_file_is_reported(env_file: Path) -> None:
    env_file.write_text("one\nPORT=1\ntwo\n")
    assert [problem[:7] for problem in problems(env_file)] == ["line 1:", "line 3:"]


@pytest.mark.parametrize(
    ("line", "value"),
    (
        ("PORT=1", "1"),
        ("export PORT=1", "1"),
        ("  PORT = 1  ", "1"),
        ("PORT='1' # mine", "1"),
        ("PORT=1 # mine", "1"),
        ("PORT=1#2", "1#2"),
        ("PORT=a$b{c}", "a$b{c}"),
        ("HOST=a\nPORT=${HOST}${NOWHERE:-b}", "ab"),
        ("PORT=1\nPORT=2", "2"),
        ("\ufeffPORT=1\r", "1"),
        ("PORT=", None),
        ("PORT= # mine", None),
    ),
)
def test_a_well_formed_line_of_an_env_file_has_its_documented_value(
    env_file: Path, line: str, value: str | None
) -> None:
    env_file.write_bytes(f"{line}\n".encode())
    assert read_env_file(env_file).get("PORT") == value


def test_a_name_that_an_env_file_has_twice_is_found(env_file: Path) -> None:
    env_file.write_text("PORT=1\n\nWORKERS=\nport=2\nWORKERS=3\n")
    assert names_given_twice(env_file) == {"PORT": [1, 4]}


def test_an_empty_value_that_replaces_another_in_an_env_file_is_found(env_file: Path) -> None:
    env_file.write_text("ENVIRONMENT=production\nENVIRONMENT=\n")
    assert names_given_twice(env_file) == {"ENVIRONMENT": [1, 2]}


def test_a_missing_env_file_has_no_values(env_file: Path) -> None:
    assert read_env_file(env_file) == {}


def test_an_env_file_that_cannot_be_read_is_not_changed(env_file: Path) -> None:
    for text in (b"JWT_SECRET: hunter2\n", 'JWT_SECRET="hunter2'.encode("utf-16"), b"\xff"):
        env_file.write_bytes(text)
        with pytest.raises(EnvFileError):
            add_missing_secrets(env_file)
        assert env_file.read_bytes() == text
    env_file.unlink()
    env_file.mkdir()
    assert problems(env_file) == ["cannot be read: Is a directory"]
