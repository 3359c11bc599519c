import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from select import PIPE_BUF
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from jwtapi.access_log import log_request
from jwtapi.log_fields import TraceContext, request_id, trace_context
from jwtapi.logs import _add_ids, configure_logging
from jwtapi.settings import LogFormat, LogLevel
from tests.conftest import on_sqlite
from tests.support.api import Api

HOSTILE = "alice\r\n{}\x1b[31m\u2028"


@pytest.fixture(autouse=True)
def configuration_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    configure_logging(LogFormat.CONSOLE)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_each_event_is_one_line_of_json_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    structlog.get_logger("jwtapi").warning("login failed", name=HOSTILE)
    logging.getLogger("uvicorn.error").info("from %s", HOSTILE)
    lines = capsys.readouterr().err.splitlines()
    ours, theirs = (json.loads(line) for line in lines)
    assert (ours["event"], ours["level"], ours["name"]) == ("login failed", "warning", HOSTILE)
    assert (theirs["event"], theirs["logger"]) == (f"from {HOSTILE}", "uvicorn.error")
    assert ours["timestamp"].endswith("Z")


async def test_the_access_lines_of_a_turn_are_written_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    request_id.set("4711")
    log_request({"method": "GET", "path": f"/{HOSTILE}", "client": ("192.0.2.1", 50000)}, 200, 0.00123)
    log_request({"method": "POST", "path": "/login", "client": None}, 503, 1)
    assert capsys.readouterr().err == ""
    await asyncio.sleep(0)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo is UTC
    assert first == {
        "event": "request",
        "level": "info",
        "request_id": "4711",
        "method": "GET",
        "path": f"/{HOSTILE}",
        "status": 200,
        "milliseconds": 1.2,
        "client": "192.0.2.1",
    }
    assert (second["path"], second["client"], second["milliseconds"]) == ("/login", None, 1000)


async def test_access_lines_that_are_written_together_fit_into_one_write_to_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=written.append, flush=lambda: None, isatty=lambda: False))
    configure_logging(LogFormat.JSON)
    request_id.set("4711")
    for number in range(100):
        log_request({"method": "GET", "path": f"/{number}", "client": None}, 200, 0)
    await asyncio.sleep(0)
    assert 1 < len(written) < 20
    assert all(len(piece) <= PIPE_BUF and piece.endswith("\n") for piece in written)
    assert [json.loads(line)["path"] for line in "".join(written).splitlines()] == [f"/{n}" for n in range(100)]


@pytest.mark.parametrize("log_format", (LogFormat.JSON, LogFormat.CONSOLE))
@pytest.mark.parametrize("character", ("a", "\0", "\N{GRINNING FACE}", "é", '"', "\n"))
async def test_a_log_line_fits_into_one_write_to_a_pipe_whatever_a_client_sent(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat, character: str
) -> None:
    configure_logging(log_format)
    request_id.set("x" * 64)
    trace_context.set(TraceContext("f" * 32, "f" * 16))
    flood = character * 60_000
    if log_format is LogFormat.JSON:
        log_request({"method": "UNSUBSCRIBE", "path": f"/{flood}", "client": (flood, 50000)}, 200, 123_456)
    else:  # the logger of that module keeps the stream that it had first
        structlog.get_logger("jwtapi").info("request", method="UNSUBSCRIBE", path=f"/{flood}", client=flood[:64])
    structlog.get_logger("jwtapi").warning("address over its limit", address=flood)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request: %s", flood)
    await asyncio.sleep(0)
    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert len(lines) == 3
    assert all(len(line.encode()) <= PIPE_BUF for line in lines)
    assert "(59801 more)" in "".join(lines)


@pytest.mark.parametrize("log_format", (LogFormat.JSON, LogFormat.CONSOLE))
def test_a_logged_traceback_is_cut_and_still_shows_where_the_code_failed(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    configure_logging(log_format)

    def fail() -> None:
        raise RuntimeError("a" * 60_000)

    try:
        fail()
    except RuntimeError:
        structlog.get_logger("jwtapi").exception("unhandled error")
    text = capsys.readouterr().err
    assert len(text) < 10_000
    assert "in fail" in text


def test_no_text_of_a_client_breaks_or_colours_a_log_line_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.CONSOLE)
    structlog.get_logger("jwtapi").info("request", path=HOSTILE)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "\x1b[31m" not in text
    assert "alice\\r\\n" in text


def test_the_automatic_log_format_depends_on_whether_the_log_is_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.AUTO)
    structlog.get_logger("jwtapi").info("request")
    assert json.loads(capsys.readouterr().err)["event"] == "request"


@pytest.mark.parametrize("log_format", (LogFormat.JSON, LogFormat.CONSOLE))
def test_a_traceback_shows_no_local_variables(capsys: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
    configure_logging(log_format)

    def fail(password: str) -> None:
        raise RuntimeError(f"{len(password)} \x1b]0;title\x07")

    try:
        fail("hunter" + str(2))
    except RuntimeError:
        structlog.get_logger("jwtapi").exception("unhandled error")
    text = capsys.readouterr().err
    assert "RuntimeError: 7 " in text
    assert "\x1b]" not in text
    assert "hunter2" not in text


async def printed_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines printed since the last call, including those that this turn of the event loop adds."""
    await asyncio.sleep(0)
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("level", "logged"),
    (
        (LogLevel.DEBUG, ["debug", "info", "warning", "error"]),
        (LogLevel.INFO, ["info", "warning", "error"]),
        (LogLevel.WARNING, ["warning", "error"]),
        (LogLevel.ERROR, ["error"]),
    ),
)
async def test_a_log_entry_below_the_level_is_not_written(
    capsys: pytest.CaptureFixture[str], level: LogLevel, logged: list[str]
) -> None:
    configure_logging(LogFormat.JSON, level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger("jwtapi"), name)("ours")
    assert [line["level"] for line in await printed_lines(capsys)] == logged
    for name in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("uvicorn.error"), name)("theirs")
        # Below this it tells the parameters of statements.
        getattr(logging.getLogger("aiosqlite"), name)("a driver's")
    assert not any(line["level"] == "debug" for line in await printed_lines(capsys))
    request_id.set("4711")
    log_request({"method": "GET", "path": "/", "client": None}, 200, 0)
    expected = ["request"] if level in {LogLevel.DEBUG, LogLevel.INFO} else []
    assert [line["event"] for line in await printed_lines(capsys)] == expected


@pytest.mark.parametrize("method", ("GET", "HEAD"))
@pytest.mark.parametrize("path", ("/health/live", "/health/ready", "/metrics", "/revocations"))
@pytest.mark.parametrize("log_format", (LogFormat.JSON, LogFormat.CONSOLE))
async def test_a_request_that_programs_repeat_all_the_time_is_logged_only_at_the_level_debug_if_it_succeeds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log_format: LogFormat, path: str, method: str
) -> None:
    request_id.set("4711")
    scope = {"method": method, "path": path, "client": None}
    for level in (LogLevel.INFO, LogLevel.DEBUG):
        configure_logging(log_format, level)
        monkeypatch.setattr("jwtapi.access_log.log", structlog.get_logger())  # that of the module keeps its first level
        with structlog.testing.capture_logs() as by_structlog:
            log_request(scope, 200, 0)
            log_request(scope, 503, 0)
        lines = by_structlog if log_format is LogFormat.CONSOLE else await printed_lines(capsys)
        levels = [line.get("level") or line["log_level"] for line in lines]
        assert levels == (["info"] if level is LogLevel.INFO else ["debug", "info"])


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@on_sqlite
async def test_each_line_of_a_request_has_the_ids_of_its_trace(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    client = api.client(traceparent=f"00-{TRACE}-{SPAN}-01", **{"X-Request-ID": "4711"})
    await client.get("/")
    await client.get("/nowhere")
    lines = await printed_lines(capsys)
    assert [(line["trace_id"], line["span_id"], line["request_id"]) for line in lines] == [(TRACE, SPAN, "4711")] * 2
    await api.client().get("/")
    (line,) = await printed_lines(capsys)
    assert not {"trace_id", "span_id"} & line.keys()


@on_sqlite
async def test_a_logged_error_has_the_ids_of_its_trace(api: Api) -> None:
    await api.sql("ALTER TABLE users RENAME TO away")
    body = {"username": "alice", "password": "secret"}
    with structlog.testing.capture_logs(processors=[_add_ids]) as lines:
        await api.client(traceparent=f"00-{TRACE}-{SPAN}-00").post("/login", json=body)
    assert [line["log_level"] for line in lines] == ["error", "info"]
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {(TRACE, SPAN)}


@on_sqlite
@pytest.mark.parametrize(
    "traceparent",
    (
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01\n",
        'garbage", "level": "error',
        "",
    ),
)
async def test_an_invalid_traceparent_does_not_get_into_the_log(
    api: Api, capsys: pytest.CaptureFixture[str], traceparent: str
) -> None:
    configure_logging(LogFormat.JSON)
    await api.client().get("/", headers={"traceparent": traceparent})
    (line,) = await printed_lines(capsys)
    assert not {"trace_id", "span_id"} & line.keys()


@on_sqlite
async def test_a_request_with_two_traceparents_is_logged_without_a_trace(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogFormat.JSON)
    one, other = (("traceparent", f"00-{TRACE}-{span}-01") for span in (SPAN, SPAN[::-1]))
    await api.client().get("/", headers=[one, other])
    (line,) = await printed_lines(capsys)
    assert "trace_id" not in line
