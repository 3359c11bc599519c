"""What Prometheus can ask."""

from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class LoginOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    THROTTLED = "throttled"


class Metrics:
    """A registry of its own, so that several apps can live in one process."""

    def __init__(self, *, hashes_pending: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "jwtapi_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._durations = Histogram(
            "jwtapi_request_duration_seconds", "Time from request to answer", ["route"], registry=self._registry
        )
        self._logins = Counter("jwtapi_logins", "Logins by outcome", ["outcome"], registry=self._registry)
        for outcome in LoginOutcome:
            self._logins.labels(outcome)
        pending = Gauge("jwtapi_hashes_pending", "Password hashes running or waiting", registry=self._registry)
        pending.set_function(hashes_pending)

    def count_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, status).inc()
        self._durations.labels(route).observe(seconds)

    def count_login(self, outcome: LoginOutcome) -> None:
        self._logins.labels(outcome).inc()

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)
