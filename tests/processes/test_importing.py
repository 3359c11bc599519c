"""`jwtapi user import` in a process of its own: killed in the middle, and beside logins."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.importing.conftest import HASH, lines
from tests.support.api import PASSWORD, Api, register
from tests.support.server import JWTAPI, clean_environment

USERS = 4000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "users.jsonl"
    file.write_text(
        lines(
            *(
                {"username": f"user{number}", "passwordHash": HASH, "id": str(number), "roles": ["editor"]}
                for number in range(USERS)
            )
        )
    )
    return file


async def start_import(api: Api, file: Path, *options: str) -> asyncio.subprocess.Process:
    url = api.services.settings.database_url.get_secret_value()
    return await asyncio.create_subprocess_exec(
        *(str(JWTAPI), "user", "import", str(file), "--from", "jsonl", *options),
        cwd=file.parent,
        env=clean_environment(DATABASE_URL=url, JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def imported(api: Api) -> int:
    [(count,)] = await api.sql("SELECT count(*) FROM users WHERE external_id IS NOT NULL")
    return int(count)


async def test_an_import_that_was_killed_is_finished_by_the_next_one(api: Api, file: Path) -> None:
    process = await start_import(api, file)
    while not await imported(api):
        assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    before = await imported(api)
    assert 0 < before < USERS

    process = await start_import(api, file, "--report", "report.jsonl")
    _, stderr = await process.communicate()
    assert (process.returncode, stderr.splitlines()[-1].decode()) == (
        0,
        f"imported: {USERS - before}, exists: {before}",
    )
    report = [json.loads(line) for line in (file.parent / "report.jsonl").read_text().splitlines()]
    assert [line["line"] for line in report] == list(range(1, USERS + 1))
    assert await imported(api) == USERS
    for table in ("user_roles", "events"):
        assert await api.sql(f"SELECT count(*), count(DISTINCT user_id) FROM {table}") == [(USERS, USERS)]  # noqa: S608


async def test_users_sign_in_while_others_are_imported(api: Api, file: Path) -> None:
    client = api.client()
    await register(client)
    process = await start_import(api, file)
    while not await imported(api):
        assert process.returncode is None
    statuses, during = set(), 0
    while process.returncode is None:
        answer = await client.post("/login", json={"username": "alice", "password": PASSWORD})
        statuses.add(answer.status_code)
        during += 0 < await imported(api) < USERS
    _, stderr = await process.communicate()
    assert (statuses, process.returncode, await imported(api)) == ({200}, 0, USERS), stderr
    assert during > 0
    body = {"username": f"user{USERS - 1}", "password": PASSWORD}
    assert (await client.post("/login", json=body)).status_code == 200
