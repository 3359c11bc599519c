import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import structlog
from coverage import Coverage

from jwtapi.composition import settings_class
from jwtapi.settings import Settings, load_settings
from jwtapi.storage.database import Database
from tests.support.api import Api, running_api
from tests.support.clock import FakeClock
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.redis import OwnRedis, own_redis
from tests.support.smtp import Mailbox, running_mailbox

JWT_SECRET = "5f0c1e9d7a3b48c6925e4d8b1f7063ac9e2d5b84c7f1a60d3e8b9475c2a1f06d"
REFRESH_SECRET = "c81d4e2efb6743a09d25e1b7f4086c3ad95b20e7f8146c3b0a7d5e92f1c4b863"

on_sqlite = pytest.mark.parametrize("database_url", ("sqlite",), indirect=True)

MakeSettings = Callable[..., Settings]
RunApi = Callable[..., AbstractAsyncContextManager[Api]]


_ROOM = 4 * 1024**3  # bytes; a whole run needs less


def pytest_configure() -> None:
    _use_memory_as_disk()
    # The default also writes the variables of each frame, and so takes seconds for a request that fails.
    structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback


def _use_memory_as_disk() -> None:
    """Use a disk in memory if it has room. On it, PostgreSQL makes a database in a tenth of the time."""
    memory = Path("/dev/shm")  # noqa: S108  the tests make folders of their own in it
    if "TMPDIR" in os.environ or not memory.is_dir():
        return
    if min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) > _ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


def pytest_collection_finish() -> None:
    """Collect garbage less often, and not among what was imported: it took a sixth of the time of the tests."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure features and what all answers share on SQLite alone, because their code is the same on PostgreSQL.

    To measure the coverage of a test takes as long as the test itself.
    """
    measurement = Coverage.current()
    if measurement is None or not _repeats_on_postgresql(item):
        return (yield)
    measurement.stop()
    try:
        return (yield)
    finally:
        measurement.start()


_ABOVE_STORAGE = ("features", "sign_in", "web")


def _repeats_on_postgresql(item: pytest.Item) -> bool:
    database = item.callspec.params.get("database_url") if hasattr(item, "callspec") else None
    tests = Path(__file__).parent
    return database == "postgresql" and any(item.path.is_relative_to(tests / name) for name in _ABOVE_STORAGE)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove settings from the environment, so that exported variables of a developer do not affect tests."""
    for name in settings_class().model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            if variable in os.environ:
                monkeypatch.delenv(variable)


@pytest.fixture(autouse=True)
def mails_of_development(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an API without MAIL_URL writes its mails."""
    folder = tmp_path / "mail"
    monkeypatch.setattr("jwtapi.mail.transport.FOLDER", folder)
    return folder


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as postgresql:
        yield postgresql


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, which tests copy. Migrating one for each test would take longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "migrated.db"
    with ThreadPoolExecutor(1) as thread:  # the tests use the event loop of this thread
        thread.submit(asyncio.run, Database(f"sqlite+aiosqlite:///{file}").migrate()).result()
    return file


@pytest.fixture(params=("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database for one test. A test that uses it, or an API, runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_file")
        yield f"sqlite:///{shutil.copy(migrated, tmp_path / 'test.db')}"
    else:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        url = postgresql.new_database()
        yield url
        postgresql.drop_database(url)  # otherwise a thousand databases would be dropped at the end of the tests


@pytest.fixture(scope="session")
def started_redis() -> Iterator[OwnRedis]:
    with own_redis() as started:
        yield started


@pytest.fixture
def redis(started_redis: OwnRedis) -> OwnRedis:
    """An empty Redis."""
    started_redis.empty()
    return started_redis


@pytest.fixture
def make_settings(database_url: str) -> MakeSettings:
    """Makes the default settings, except for cheap hashes, no rate limits, and a database for one test."""

    def make(**overrides: Any) -> Settings:
        ours = {
            "jwt_secret": JWT_SECRET,
            "refresh_secret": REFRESH_SECRET,
            "database_url": database_url,
            "bcrypt_rounds": 4,
            "rate_limit_enabled": False,
        }
        return load_settings(env_file=None, kind=settings_class(), **(ours | overrides))

    return make


@pytest.fixture
def run_api(make_settings: MakeSettings, clock: FakeClock) -> RunApi:
    """Runs an app with other settings: `async with run_api(docs_enabled=False) as api`.

    `beyond_settings` are arguments of `running_api` that no setting changes.
    """

    def run(beyond_settings: dict[str, Any] | None = None, /, **overrides: Any) -> AbstractAsyncContextManager[Api]:
        return running_api(make_settings(**overrides), clock, **(beyond_settings or {}))

    return run


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server for `run_api(**mailbox.settings)`, and the mails that it gets: `await mailbox.next("a@b.example")`.

    A test that has advanced the clock calls `api.services[Outbox].wake()`.
    """
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
async def api(run_api: RunApi) -> AsyncIterator[Api]:
    async with run_api() as api:
        yield api


@pytest.fixture
def client(api: Api) -> httpx.AsyncClient:
    return api.client()


@pytest.fixture
async def alice(api: Api) -> httpx.AsyncClient:
    """A client that has registered and signed in as alice."""
    return await api.signed_in("alice")
