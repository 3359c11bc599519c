"""A plugin for coverage.py that does not trace the modules of other projects while they are imported.

coverage.py reports nothing about them. But while there is a tracer, Python runs all code at half its speed, and most of
what a server does when a test starts it is to import.
"""

import sys
import sysconfig
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

_OTHERS = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
"""The folders of modules that import nothing of this project when they are imported."""

_exec_module = SourceFileLoader.exec_module


def _exec_untraced(loader: SourceFileLoader, module: ModuleType) -> None:
    tracer = sys.gettrace()
    if tracer is None or not loader.path.startswith(_OTHERS):
        _exec_module(loader, module)
        return
    sys.settrace(None)
    try:
        _exec_module(loader, module)
    finally:
        sys.settrace(tracer)


def coverage_init(_registry: Any, _options: Any) -> None:
    """coverage.py calls this before it starts."""
    SourceFileLoader.exec_module = _exec_untraced  # type: ignore[assignment, method-assign]
