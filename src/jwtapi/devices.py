"""Describes devices in words, by the header User-Agent of a request: "Firefox on Windows", "iPhone · Safari"."""

import re
from collections.abc import Iterable
from threading import Lock

UNKNOWN_DEVICE = "Unknown device"

MAX_PARSED = 20
"""How many headers one call parses. Each takes about 2 milliseconds, and 6 if it is made to take long."""

_MAX_REMEMBERED = 1000
"""About 0.5 MB."""

_NAME = re.compile(r"[A-Za-z0-9+_/ -]{1,40}")
"""Some names that the parser finds are text of the header. They have no dot, so mail programs make no links of them."""

_LEFT_OUT = frozenset({"Mobile", "iOS"})
"""Words in names of browsers. The name of the system says the same."""

_SYSTEMS = {"Mac OS X": "macOS"}
_HANDHELDS = frozenset({"iPhone", "iPad"})

_remembered: dict[str, str] = {}
_lock = Lock()


def device_names(user_agents: Iterable[str]) -> dict[str, str]:
    """Return the names of devices by the header. At most MAX_PARSED headers that no call has parsed are parsed now.

    The first call in a process takes half a second and 5 MB, because it loads a thousand regular expressions. So call
    it on a thread of its own.
    """
    names: dict[str, str] = {}
    parsed = 0
    for user_agent in user_agents:
        name = _remembered.get(user_agent)
        if name is None and parsed < MAX_PARSED:
            parsed += 1
            name = _remember(user_agent, _device_name(user_agent))
        names[user_agent] = name or UNKNOWN_DEVICE
    return names


def _remember(user_agent: str, name: str) -> str:
    with _lock:
        if len(_remembered) >= _MAX_REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _remembered[user_agent] = name
    return name


def _device_name(user_agent: str) -> str:
    from ua_parser import Parser  # noqa: PLC0415  5 MB that a process needs only if it describes devices
    from ua_parser.basic import Resolver  # noqa: PLC0415
    from ua_parser.loaders import load_builtins  # noqa: PLC0415

    result = Parser(Resolver(load_builtins())).parse(user_agent)
    browser = _harmless(result.user_agent.family) if result.user_agent is not None else None
    system = _harmless(result.os.family) if result.os is not None else None
    device = result.device.family if result.device is not None else None
    if browser is not None:
        browser = " ".join(word for word in browser.split() if word not in _LEFT_OUT) or browser
    if device in _HANDHELDS:
        return f"{device} · {browser}" if browser is not None else device
    if browser is not None and system is not None:
        return f"{browser} on {_SYSTEMS.get(system, system)}"
    return browser or system or UNKNOWN_DEVICE


def _harmless(name: str) -> str | None:
    return name if _NAME.fullmatch(name) is not None and not name.isspace() else None
