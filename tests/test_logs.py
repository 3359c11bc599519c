import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from jwtapi.logs import configure_logging
from jwtapi.settings import LogFormat

HOSTILE = "alice\r\n{}\x1b[31m\u2028"


@pytest.fixture(autouse=True)
def configuration_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
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


def test_on_a_terminal_nothing_ends_the_line_or_colours_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.CONSOLE)
    structlog.get_logger("jwtapi").info("request", path=HOSTILE)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "\x1b[31m" not in text
    assert "alice\\r\\n" in text


def test_the_format_goes_by_where_the_log_goes(capsys: pytest.CaptureFixture[str]) -> None:
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
