"""The metrics for Prometheus."""

import math
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable. In this folder the workers of one server store their numbers, so that each worker can
report the numbers of all."""

_Mode: TypeAlias = Literal["livesum", "livemax", "livemin", "mostrecent"]

# The library would add a `_created` metric for each metric. Prometheus uses the start time of the process instead.
disable_created_metrics()  # type: ignore[no-untyped-call]

_process = ProcessCollector(registry=None)
"""The library's collector. It does not support several processes by itself."""


def share_between_workers(folder: str) -> None:
    """Make processes that start from now on store their numbers in `folder`."""
    os.environ[_SHARED_FOLDER] = folder


class LoginOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    UNFINISHED = "unfinished"
    """The password was right, and a second factor is required."""
    FAILED = "failed"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"


class RefreshOutcome(StrEnum):
    NEXT = "next"
    """The counter of the session was incremented, and the client got the next refresh token."""
    PRESENT = "present"
    """The counter had been incremented before, and the client got the same refresh token again."""
    REUSED = "reused"
    INVALID = "invalid"


class MailOutcome(StrEnum):
    SENT = "sent"
    PUT_OFF = "put_off"
    """The attempt failed, and another one follows."""
    GIVEN_UP = "given_up"


class Metrics:
    """Has its own registry, so that one process can contain several apps.

    docs/metrics.md states what each metric means. The `multiprocess_mode` of a gauge states how the values of several
    workers become one. No metric has a label for the worker, because each replaced worker would leave its series
    behind.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._requests = self._counter("jwtapi_requests", "Requests answered", "method", "route", "status")
        self._durations = self._histogram("jwtapi_request_duration_seconds", "Time from request to answer", "route")

        self._logins = self._counter("jwtapi_logins", "Logins by outcome", "outcome")
        self._refreshes = self._counter("jwtapi_refreshes", "Refreshes by outcome", "outcome")
        for outcome in LoginOutcome:
            self._logins.labels(outcome)
        for refresh_outcome in RefreshOutcome:
            self._refreshes.labels(refresh_outcome)
        self._registrations = self._counter("jwtapi_registrations", "Users that registered")
        self._reuses = self._counter(
            "jwtapi_refresh_token_reuses", "Sessions that ended because a used refresh token came back"
        )
        # The last count, also if its worker has died: all workers count the same sessions.
        self._sessions_alive = self._gauge("jwtapi_sessions_alive", "Sessions that are alive", "mostrecent")

        self._mails = self._counter("jwtapi_mails", "Attempts to send a mail, by outcome", "outcome")
        for mail_outcome in MailOutcome:
            self._mails.labels(mail_outcome)
        # The last counts, as for the sessions.
        self._mails_waiting = self._gauge("jwtapi_mails_waiting", "Mails that wait to be sent", "mostrecent")
        self._mails_failed = self._gauge("jwtapi_mails_failed", "Mails that were given up", "mostrecent")
        self._oldest_mail = self._gauge(
            "jwtapi_mails_oldest_waiting_seconds", "Age of the oldest mail that waits to be sent", "mostrecent"
        )

        self._hashes_pending = self._gauge("jwtapi_hashes_pending", "Password hashes running or waiting", "livesum")
        self._hash_waits = self._histogram("jwtapi_hash_wait_seconds", "Time that a password hash waited for a thread")

        self._units = self._histogram(
            "jwtapi_database_duration_seconds", "Time of a unit of work on the database, all waits included", "kind"
        )
        self._unit_durations = {writes: self._units.labels(kind) for writes, kind in ((False, "read"), (True, "write"))}
        self._unit_waits = self._histogram(
            "jwtapi_database_wait_seconds", "Time until a unit of work had a connection and, on SQLite, the write lock"
        )
        self._unit_failures = self._counter(
            "jwtapi_database_failures", "Units of work that the database refused or did not answer in time"
        )
        self._pool_size = self._gauge("jwtapi_database_pool_size", "Maximum number of connections", "livesum")
        self._pool_in_use = self._gauge("jwtapi_database_pool_in_use", "Connections in use", "livesum")
        self._pool_waiting = self._gauge(
            "jwtapi_database_pool_waiting", "Units of work that wait for a connection", "livesum"
        )
        self._feed_lag = self._gauge(
            "jwtapi_change_feed_lag_seconds",
            "Time since the feed last reported the changes of other workers",
            "livemax",
        )
        self._feed_interruptions = self._counter(
            "jwtapi_change_feed_interruptions", "Times that the feed of changes was interrupted"
        )
        self._redis_down = self._gauge(
            "jwtapi_redis_down", "1 while limits are counted in the database because Redis does not answer", "livemax"
        )

        self._build_info = self._gauge(
            "jwtapi_build_info",
            "Always 1; the labels name the versions and the database",
            "livemax",
            "version",
            "python",
            "database",
        )
        self._workers = self._gauge("jwtapi_workers", "Processes that serve", "livesum")
        self._cpu = self._counter("process_cpu_seconds", "Processor time of the workers, including those that died")
        self._cpu_counted = 0.0
        self._of_process = {
            "process_resident_memory_bytes": self._gauge(
                "process_resident_memory_bytes", "Memory of all workers together", "livesum"
            ),
            "process_open_fds": self._gauge(
                "process_open_fds", "Open files of the worker that has the most", "livemax"
            ),
            "process_max_fds": self._gauge("process_max_fds", "Files that a worker may open", "livemin"),
            "process_start_time_seconds": self._gauge(
                "process_start_time_seconds", "When the youngest worker started, in seconds since 1970", "livemax"
            ),
        }

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, multiprocess_mode: _Mode, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry, multiprocess_mode=multiprocess_mode)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        # Looking up the children takes longer than counting.
        key = (method, route, status)
        if (children := self._children.get(key)) is None:
            children = self._children[key] = (self._requests.labels(*key), self._durations.labels(route))
        requests, durations = children
        requests.inc()
        durations.observe(seconds)

    def count_login(self, outcome: LoginOutcome) -> None:
        self._logins.labels(outcome).inc()

    def count_refresh(self, outcome: RefreshOutcome, *, reuses: int = 0) -> None:
        """`reuses` is the number of sessions that the refresh ended."""
        self._refreshes.labels(outcome).inc()
        self._reuses.inc(reuses)

    def count_registration(self) -> None:
        self._registrations.inc()

    def set_sessions_alive(self, sessions: int | None) -> None:
        """None means that the number is not known. In Prometheus that is NaN."""
        self._sessions_alive.set(math.nan if sessions is None else sessions)

    def count_mail(self, outcome: MailOutcome) -> None:
        self._mails.labels(outcome).inc()

    def set_mails(self, *, waiting: float, failed: float, oldest_seconds: float) -> None:
        """NaN means that the number is not known."""
        self._mails_waiting.set(waiting)
        self._mails_failed.set(failed)
        self._oldest_mail.set(oldest_seconds)

    def set_hashes_pending(self, pending: int) -> None:
        self._hashes_pending.set(pending)

    def observe_hash_wait(self, seconds: float) -> None:
        self._hash_waits.observe(seconds)

    def observe_unit(self, *, writes: bool, waited: float, lasted: float, failed: bool) -> None:
        """Count a unit of work on the database. Times are in seconds."""
        self._unit_durations[writes].observe(lasted)
        self._unit_waits.observe(waited)
        if failed:
            self._unit_failures.inc()

    def set_pool(self, *, size: int, in_use: int, waiting: int) -> None:
        self._pool_size.set(size)
        self._pool_in_use.set(in_use)
        self._pool_waiting.set(waiting)

    def set_feed_lag(self, seconds: float) -> None:
        self._feed_lag.set(seconds)

    def count_feed_interruption(self) -> None:
        self._feed_interruptions.inc()

    def set_redis_down(self, down: bool) -> None:  # noqa: FBT001  the name states the value
        self._redis_down.set(down)

    def set_build_info(self, *, version: str, python: str, database: str) -> None:
        self._build_info.labels(version, python, database).set(1)
        self._workers.set(1)

    def update_process_metrics(self) -> None:
        """Set memory, files and processor time of this process. Only Linux reports them."""
        for family in _process.collect():
            value = family.samples[0].value
            if family.name == "process_cpu_seconds":
                # Add the difference, so that the time of a worker still counts after it has died.
                self._cpu.inc(value - self._cpu_counted)
                self._cpu_counted = value
            elif (gauge := self._of_process.get(family.name)) is not None:
                gauge.set(value)

    def exposition(self) -> bytes:
        """Return all metrics of all workers of this server, in the text format 0.0.4 of Prometheus."""
        folder = os.environ.get(_SHARED_FOLDER)
        if folder is None:
            return generate_latest(self._registry)
        # The library has no documented way to list the processes, but the names of its files contain their ids.
        for pid in {int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("gauge_live*_*.db")}:
            if not _is_alive(pid):
                with suppress(FileNotFoundError):  # another worker may do the same at the same time
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
