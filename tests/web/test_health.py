from pathlib import Path

import httpx
import structlog

from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api, refusal

GONE = (503, "storage_unavailable", "Service temporarily unavailable. Try again later.")


async def test_the_root_says_that_the_api_is_running(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert (response.status_code, response.json()) == (200, {"message": "API is running"})


async def test_a_server_with_its_database_is_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


@on_sqlite
async def test_a_server_without_its_database_lives_but_is_not_ready(api: Api, tmp_path: Path) -> None:
    await api.resources.database.close()
    away = tmp_path.rename(tmp_path.with_name("away"))
    client = api.client()
    assert (await client.get("/health/live")).json() == {"status": "live"}
    with structlog.testing.capture_logs() as logs:
        response = await client.get("/health/ready")
    assert refusal(response) == GONE
    told = next(entry for entry in logs if entry["event"] == "the database does not answer")
    assert told["cause"] == "OperationalError: unable to open database file"
    assert response.headers["retry-after"].isdigit()
    for answer in (
        await client.post("/login", json={"username": "alice", "password": "x"}),
        await client.post("/token", data={"grant_type": "password", "username": "a", "password": "b"}),
    ):
        assert refusal(answer) == GONE
    away.rename(tmp_path)
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_server_on_a_later_schema_is_ready(api: Api) -> None:
    await api.sql("UPDATE jwtapi_schema_version SET version_num = '9999'")
    assert (await api.client().get("/health/ready")).json() == {"status": "ready"}


async def test_a_server_on_an_earlier_schema_is_not_ready(api: Api) -> None:
    await api.sql("UPDATE jwtapi_schema_version SET version_num = '0001'")
    with structlog.testing.capture_logs() as logs:
        assert refusal(await api.client().get("/health/ready")) == GONE
    assert [entry["event"] for entry in logs] == [
        "the database has not the schema of this version; run `jwtapi migrate`",
        "request",
    ]


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
