"""What Prometheus can ask."""

import os
from enum import StrEnum
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: where the workers of one server keep their numbers, so that each can tell of all."""


def share_between_workers(folder: str) -> None:
    """From now on let processes that are started keep their numbers in `folder`."""
    os.environ[_SHARED_FOLDER] = folder


class LoginOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    THROTTLED = "throttled"


class Metrics:
    """A registry of its own, so that several apps can live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "jwtapi_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._durations = Histogram(
            "jwtapi_request_duration_seconds", "Time from request to answer", ["route"], registry=self._registry
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._logins = Counter("jwtapi_logins", "Logins by outcome", ["outcome"], registry=self._registry)
        for outcome in LoginOutcome:
            self._logins.labels(outcome)
        self._hashes_pending = Gauge(
            "jwtapi_hashes_pending",
            "Password hashes running or waiting",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._redis_down = Gauge(
            "jwtapi_redis_down",
            "1 while limits are counted in the database because Redis does not answer",
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        # To look up the children costs more than to count.
        key = (method, route, status)
        if (children := self._children.get(key)) is None:
            children = self._children[key] = (self._requests.labels(*key), self._durations.labels(route))
        requests, durations = children
        requests.inc()
        durations.observe(seconds)

    def count_login(self, outcome: LoginOutcome) -> None:
        self._logins.labels(outcome).inc()

    def set_hashes_pending(self, pending: int) -> None:
        self._hashes_pending.set(pending)

    def set_redis_down(self, down: bool) -> None:  # noqa: FBT001  it says what it is
        self._redis_down.set(down)

    def exposition(self) -> bytes:
        """Everything, of all workers of this server, in Prometheus' text format 0.0.4."""
        folder = os.environ.get(_SHARED_FOLDER)
        if folder is None:
            return generate_latest(self._registry)
        for pid in {int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("gauge_live*_*.db")}:
            if not _is_alive(pid):
                mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
