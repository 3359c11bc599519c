import asyncio

import pytest
import structlog

from jwtapi import background
from jwtapi.feature import Feature, Job
from tests.conftest import RunApi, on_sqlite


@on_sqlite
async def test_a_job_of_a_feature_that_fails_is_logged_and_the_server_goes_on(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("a fault")

    feature = Feature(jobs=lambda _: (Job("failing", fail),))
    monkeypatch.setattr(background, "features", lambda: {"failing": feature})
    with structlog.testing.capture_logs() as lines:
        async with run_api() as api:
            await asyncio.sleep(0)
            assert (await api.client().get("/")).status_code == 200
    (failure,) = [line for line in lines if line["event"] == "a background job has failed"]
    assert (failure["log_level"], failure["job"]) == ("error", "failing")
    assert isinstance(failure["exc_info"], RuntimeError)
