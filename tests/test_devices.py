import subprocess
import sys

import pytest

from jwtapi import devices
from jwtapi.devices import MAX_PARSED, UNKNOWN_DEVICE, device_names

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_remembered", {})


@pytest.mark.parametrize(
    ("user_agent", "name"),
    (
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36", "Chrome on macOS"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.1 Safari/605.1.15", "Safari on macOS"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Ubuntu"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1",
            "iPhone · Safari",
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {WEBKIT} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
            "iPad · Chrome",
        ),
        ("Shop/7 CFNetwork/1568.200.51 Darwin/24.1.0", "Shop on iOS"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28.1", UNKNOWN_DEVICE),
        ("", UNKNOWN_DEVICE),
    ),
)
def test_a_device_is_named_by_its_browser_and_its_system(user_agent: str, name: str) -> None:
    assert device_names([user_agent]) == {user_agent: name}


@pytest.mark.parametrize(
    "text",
    (
        "Call https://evil.example now",
        "www.evil.example",
        "<script>alert(1)</script>",
        "You are safe\u202e",
        "x" * 41,
        "   ",
        "\N{CYRILLIC SMALL LETTER A}pp",
    ),
)
def test_text_of_a_header_that_could_mislead_is_not_part_of_a_name(text: str) -> None:
    user_agent = f"{text}/1 CFNetwork/1 Darwin/24.1.0"
    assert device_names([user_agent]) == {user_agent: "iOS"}


@pytest.mark.parametrize("piece", ("A", "(", "; ", "Linux; Android 4", "Build/", "1.", "bot ", " ", "\xff", "MediaPad"))
def test_a_header_that_repeats_itself_has_some_name(piece: str) -> None:
    (name,) = device_names([(piece * 256)[:256]]).values()
    assert name


def test_one_call_parses_a_bounded_number_of_headers_and_the_next_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(user_agent: str) -> str:
        parsed.append(user_agent)
        return user_agent

    monkeypatch.setattr(devices, "_device_name", parse)
    user_agents = [f"agent {n}" for n in range(MAX_PARSED + 5)]
    first = device_names(user_agents)
    assert list(first.values()).count(UNKNOWN_DEVICE) == 5
    assert len(parsed) == MAX_PARSED
    assert device_names(user_agents) == {user_agent: user_agent for user_agent in user_agents}
    assert len(parsed) == MAX_PARSED + 5


def test_the_number_of_remembered_headers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_device_name", lambda user_agent: user_agent)
    for n in range(1100):
        device_names([f"agent {n}"])
    assert len(devices._remembered) == 1000  # noqa: SLF001
    assert device_names(["agent 0"]) == {"agent 0": "agent 0"}


def test_the_parser_is_loaded_by_the_first_call_and_not_before() -> None:
    program = (
        "import sys, jwtapi.cli.main, jwtapi.composition as c; c.features(); from jwtapi.devices import device_names\n"
        "print([name for name in sys.modules if name.startswith('ua_parser')]); device_names(['curl/8'])\n"
        "print('ua_parser' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed == "[]\nTrue\n"
