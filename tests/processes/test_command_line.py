"""Commands as processes: whoever reads them may go away, and signals end those that follow."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.api import PASSWORD
from tests.support.server import JWTAPI, clean_environment

SECONDS = 60


ENVIRONMENT = clean_environment(BCRYPT_ROUNDS="4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for name in ("alice", "bob"):
        subprocess.run(
            [JWTAPI, "user", "create", name], cwd=folder, env=ENVIRONMENT, input=PASSWORD.encode(), check=True
        )
    return folder


@pytest.fixture
def environment(made: Path, tmp_path: Path) -> dict[str, str]:
    """The settings of an installation in the folder, which has the users alice and bob."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return ENVIRONMENT


def run_without_reader(folder: Path, environment: dict[str, str], *words: str) -> tuple[int, bytes]:
    """Return the exit code and standard error of a command whose standard output nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            [JWTAPI, *words],
            cwd=folder,
            env=environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    "words",
    (
        ("user", "list"),
        ("user", "list", "--json"),
        ("user", "export"),
        ("events", "--follow"),
        ("events", "--csv"),
        ("openapi",),
    ),
)
def test_a_list_that_nobody_reads_ends_quietly(
    tmp_path: Path, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    assert run_without_reader(tmp_path, environment, *words) == (0, b"")


def test_what_is_asked_for_is_done_even_if_nobody_reads_that_it_was(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    assert run_without_reader(tmp_path, environment, "user", "disable", "alice", "bob") == (0, b"")
    listed = subprocess.check_output([JWTAPI, "user", "list", "--state", "disabled"], cwd=tmp_path, env=environment)
    assert listed.count(b"disabled") == 2


def test_an_import_goes_on_even_if_nobody_reads_whom_it_reports(tmp_path: Path, environment: dict[str, str]) -> None:
    refused = "".join(f'{{"username": "two words {number}"}}\n' for number in range(200))
    (tmp_path / "users.jsonl").write_text(f'{refused}{{"username": "carol"}}\n')
    code, stderr = run_without_reader(tmp_path, environment, "user", "import", "users.jsonl", "--from", "jsonl")
    assert (code, stderr.splitlines()[-1]) == (1, b"imported: 1, failed: 200")
    assert b"carol" in subprocess.check_output([JWTAPI, "user", "list"], cwd=tmp_path, env=environment)


def test_a_copy_whose_table_nobody_reads_ends_quietly(tmp_path: Path, environment: dict[str, str]) -> None:
    words = ("db", "copy", "sqlite:///jwtapi.db", "sqlite:///copy.db")
    code, stderr = run_without_reader(tmp_path, environment, *words)
    assert (code, b"Broken pipe" in stderr) == (0, False)


@contextmanager
def following(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [JWTAPI, "events", "--follow", "--json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_type(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    type_: str = json.loads(process.stdout.readline())["type"]
    return type_


@pytest.mark.parametrize("signal_", (signal.SIGTERM, signal.SIGINT, None))
def test_following_prints_what_other_processes_do_until_it_is_stopped_or_nobody_reads(
    tmp_path: Path, environment: dict[str, str], signal_: int | None
) -> None:
    with following(tmp_path, environment) as process:
        assert [next_type(process), next_type(process)] == ["user.registered"] * 2
        subprocess.run([JWTAPI, "user", "disable", "alice"], cwd=tmp_path, env=environment, check=True)
        assert next_type(process) == "user.disabled"
        assert process.stdout is not None
        assert process.stderr is not None
        if signal_ is not None:
            process.send_signal(signal_)
        else:
            process.stdout.close()
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == b""
