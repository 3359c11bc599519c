"""A plugin for coverage.py that traces each greenlet as if it were a thread.

SQLAlchemy runs its drivers in greenlets. coverage.py keeps a stack of the functions that are running, and needs one for
each greenlet. Its own setting `concurrency = ["greenlet"]` looks the greenlet up at each call and at each return of any
function, which takes as long as all its other work. This plugin works only when one greenlet switches to another.
"""

import sys
import threading
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from greenlet import greenlet, settrace

_of_suspended: WeakKeyDictionary[greenlet, Any] = WeakKeyDictionary()
"""The tracer of each greenlet that has begun and does not run."""

_unused: list[Any] = []
"""Tracers whose greenlets have ended."""


def _switch_tracer(_event: str, greenlets: tuple[greenlet, greenlet]) -> None:
    new_tracer = threading.gettrace()
    if new_tracer is None:  # coverage.py is paused, or measures without tracers (`sys.monitoring`)
        _of_suspended.clear()
        _unused.clear()
        return
    origin, target = greenlets
    tracer = sys.gettrace()
    if tracer is not None:
        if origin.dead:
            _unused.append(tracer)
        else:
            _of_suspended[origin] = tracer
    tracer = _of_suspended.pop(target, None)
    if tracer is None:
        # Set as the tracer, what coverage.py gives to new threads makes a tracer and takes its place.
        tracer = _unused.pop() if _unused else new_tracer
    sys.settrace(tracer)


def _begin_thread(_frame: FrameType, _event: str, _arg: Any) -> None:
    """The first event that a new thread reports. greenlet keeps one callback for each thread."""
    sys.setprofile(None)
    settrace(_switch_tracer)


def coverage_init(_registry: Any, _options: Any) -> None:
    """coverage.py calls this before it starts."""
    settrace(_switch_tracer)
    threading.setprofile(_begin_thread)
