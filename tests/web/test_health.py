import asyncio
from pathlib import Path

import httpx
import pytest
import structlog

from jwtapi.gauges import Gauges
from jwtapi.mail.outbox import Outbox
from jwtapi.mail.service import MailService
from jwtapi.storage.database import Database
from jwtapi.storage.readiness import Readiness
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of
from tests.support.postgresql import PostgreSQL
from tests.support.smtp import Mailbox

GONE = (503, "storage_unavailable", "Service temporarily unavailable. Try again later.")


async def test_the_root_says_that_the_api_is_running(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert (response.status_code, response.json()) == (200, {"message": "API is running"})


async def test_a_server_with_its_database_is_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready", "warnings": []}


@on_sqlite
async def test_a_server_without_its_database_is_live_but_not_ready(api: Api, tmp_path: Path) -> None:
    await api.services[Database].close()
    away = tmp_path.rename(tmp_path.with_name("away"))
    client = api.client()
    assert (await client.get("/health/live")).json() == {"status": "live"}
    with structlog.testing.capture_logs() as logs:
        response = await client.get("/health/ready")
    assert error_of(response) == GONE
    logged = next(entry for entry in logs if entry["event"] == "the database does not answer")
    assert logged["cause"] == "OperationalError: unable to open database file"
    assert response.headers["retry-after"].isdigit()
    for answer in (
        await client.post("/login", json={"username": "alice", "password": "x"}),
        await client.post("/token", data={"grant_type": "password", "username": "a", "password": "b"}),
    ):
        assert error_of(answer) == GONE
    away.rename(tmp_path)
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_server_on_a_later_schema_is_ready(api: Api) -> None:
    await api.sql("UPDATE jwtapi_schema_version SET version_num = '9999'")
    assert (await api.client().get("/health/ready")).json() == {"status": "ready", "warnings": []}


async def test_a_server_on_an_earlier_schema_is_not_ready(api: Api) -> None:
    await api.sql("UPDATE jwtapi_schema_version SET version_num = '0001'")
    with structlog.testing.capture_logs() as logs:
        assert error_of(await api.client().get("/health/ready")) == GONE
    assert [entry["event"] for entry in logs] == [
        "the database schema is out of date; run `jwtapi migrate`",
        "request",
    ]


async def until_ready_is(api: Api, status: int) -> None:
    """It may remember for a second that all was well."""
    client = api.client()
    async with asyncio.timeout(30):
        while (await client.get("/health/ready")).status_code != status:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("table", ("users", "sessions", "events", "rate_limits"))
async def test_a_server_that_lacks_a_table_is_not_ready_until_it_is_back(api: Api, table: str) -> None:
    await until_ready_is(api, 200)
    await api.sql(f"ALTER TABLE {table} RENAME TO away")
    with structlog.testing.capture_logs() as logs:
        await until_ready_is(api, 503)
        for _ in range(3):
            await until_ready_is(api, 503)
        await api.sql(f"ALTER TABLE away RENAME TO {table}")
        await until_ready_is(api, 200)
    logged = [entry for entry in logs if entry["event"].startswith("the database")]
    assert [(entry["log_level"], entry["event"]) for entry in logged] == [
        ("error", "the database refuses what a login needs"),
        ("info", "the database is ready again"),
    ]
    assert table in logged[0]["cause"]


@on_sqlite
@pytest.mark.parametrize(
    ("right", "status"),
    (
        ("INSERT ON users", 503),
        ("SELECT ON users", 503),
        ("UPDATE ON users", 503),
        ("INSERT ON sessions", 503),
        ("UPDATE ON sessions", 503),
        ("INSERT ON events", 503),
        ("USAGE ON SEQUENCE events_id_seq", 503),
        ("INSERT ON rate_limits", 503),
        ("DELETE ON rate_limits", 503),
        ("DELETE ON users", 200),  # what no request does, may be forbidden
        ("DELETE ON events", 200),
        ("UPDATE ON events", 200),
    ),
)
async def test_a_server_that_lacks_a_right_is_not_ready_until_it_has_it(
    run_api: RunApi, postgresql: PostgreSQL, right: str, status: int
) -> None:
    url, role = postgresql.new_database(), postgresql.new_role()
    postgresql.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", url)
    postgresql.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}", url)
    async with run_api(database_url=postgresql.as_role(url, role)) as api:
        await until_ready_is(api, 200)
        postgresql.execute(f"REVOKE {right} FROM {role}", url)
        await until_ready_is(api, status)
        if status != 200:
            answer = await api.client().post("/register", json={"username": "alice", "password": PASSWORD})
            assert answer.status_code in {201, 503}
        postgresql.execute(f"GRANT {right} TO {role}", url)
        await until_ready_is(api, 200)


@on_sqlite
@pytest.mark.parametrize("setting", ("default_transaction_read_only = on", "search_path = nowhere"))
async def test_a_server_whose_database_is_read_only_or_has_another_search_path_is_not_ready(
    run_api: RunApi, postgresql: PostgreSQL, setting: str
) -> None:
    url = postgresql.new_database()
    name = url.rpartition("/")[2].partition("?")[0]
    async with run_api(database_url=url) as api:
        await until_ready_is(api, 200)
        postgresql.execute(f"ALTER DATABASE {name} SET {setting}")
        await api.services[Database].close()  # it counts for new connections
        await until_ready_is(api, 503)
        postgresql.execute(f"ALTER DATABASE {name} RESET {setting.split(maxsplit=1)[0]}")
        await until_ready_is(api, 200)


async def test_a_request_that_the_database_refuses_is_logged_with_the_cause(api: Api) -> None:
    await api.sql("ALTER TABLE users RENAME TO away")
    with structlog.testing.capture_logs() as logs:
        assert error_of(await api.client().post("/login", json={"username": "alice", "password": PASSWORD})) == GONE
    assert logs[0]["event"] == "the database refuses"
    assert logs[0]["cause"].startswith(("UndefinedTableError: ", "OperationalError: no such table: "))
    assert "SQL" not in logs[0]["cause"]


async def test_a_server_on_a_schema_of_unknown_revision_is_not_ready(api: Api) -> None:
    await api.sql("UPDATE jwtapi_schema_version SET version_num = '4f2a9c0d1b7e'")
    with structlog.testing.capture_logs() as logs:
        assert error_of(await api.client().get("/health/ready")) == GONE
    assert logs[0]["event"] == "the database has a schema that jwtapi did not make"


async def test_many_readiness_requests_share_one_check_whose_success_is_remembered(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    async with run_api({"readiness_seconds": 3600}) as api:
        rehearse = api.services[Database].rehearse_login

        async def counted() -> None:
            nonlocal looks
            looks += 1
            await rehearse()

        monkeypatch.setattr(api.services[Database], "rehearse_login", counted)
        for _ in range(2):
            answers = await asyncio.gather(*(api.client().get("/health/ready") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
    assert looks == 1


async def test_a_readiness_request_that_is_cancelled_does_not_fail_the_others(api: Api) -> None:
    first = asyncio.create_task(api.services[Readiness].check())
    second = asyncio.create_task(api.services[Readiness].check())
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True


@on_sqlite
async def test_readiness_checks_leave_no_rows_in_postgresql(run_api: RunApi, postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    async with run_api(database_url=url) as api:
        for _ in range(20):
            await api.services[Database].rehearse_login()
    # Each connection has told what it did when it was closed.
    touched = "SELECT relname FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del + n_dead_tup > 0"
    assert postgresql.execute(touched, url) == []


async def test_metrics_are_off_unless_switched_on(client: httpx.AsyncClient) -> None:
    assert (await client.get("/metrics")).status_code == 404


async def test_metrics_count_requests_by_route_and_logins_by_outcome(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        alice = await api.signed_in()
        await alice.get("/api/profile")
        await alice.get("/made/up/by/a/stranger")
        await alice.request("STRANGE", "/")
        await alice.head("/")
        text = (await alice.get("/metrics")).text
    assert 'jwtapi_requests_total{method="GET",route="/api/profile",status="200"} 1.0' in text
    assert 'jwtapi_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert 'jwtapi_requests_total{method="other",route="/",status="405"} 1.0' in text
    assert 'jwtapi_requests_total{method="HEAD",route="/",status="200"} 1.0' in text
    assert 'jwtapi_logins_total{outcome="succeeded"} 1.0' in text
    assert "jwtapi_hashes_pending 0.0" in text
    assert "stranger" not in text


async def test_a_server_whose_mail_server_is_down_is_ready_with_a_warning_until_it_is_back(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    mailbox.stop()
    async with run_api({"mail_poll_seconds": 3600}, **mailbox.settings, metrics_enabled=True) as api:
        client = api.client()
        await api.services[MailService].test("alice@example.com")
        async with asyncio.timeout(30):
            while (answer := await client.get("/health/ready")).json()["warnings"] == []:
                await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready", "warnings": ["mail"]})
        async with asyncio.timeout(30):
            while 'jwtapi_mails_total{outcome="put_off"} 1.0' not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.01)
        api.clock.advance(3600)
        await api.services[Gauges].count_mails()
        text = (await client.get("/metrics")).text
        mailbox.start()
        api.services[Outbox].wake()
        await mailbox.next("alice@example.com")
        async with asyncio.timeout(30):
            while (await client.get("/health/ready")).json()["warnings"]:
                await asyncio.sleep(0.01)
        await mailbox.unread(api)
        await api.services[Gauges].count_mails()
        text_after = (await client.get("/metrics")).text
    assert "jwtapi_mails_waiting 1.0" in text
    assert "jwtapi_mails_oldest_waiting_seconds 3600.0" in text
    assert 'jwtapi_mails_total{outcome="sent"} 1.0' in text_after
    assert "jwtapi_mails_waiting 0.0" in text_after
    assert "jwtapi_mails_oldest_waiting_seconds 0.0" in text_after
