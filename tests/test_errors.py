import subprocess
import sys

import pytest

from jwtapi.errors import ERROR_CLASSES, Conflict, TooManyRequests
from jwtapi.sign_in.errors import TooManyLogins


def test_a_class_that_defines_a_code_must_define_its_meaning() -> None:
    with pytest.raises(TypeError, match="Meaningless defines a code, but not what it means"):
        type("Meaningless", (TooManyRequests,), {"code": "meaningless"})
    assert "meaningless" not in ERROR_CLASSES


def test_two_classes_cannot_define_the_same_code() -> None:
    with pytest.raises(TypeError, match="Again and TooManyRequests define the same code, too_many_attempts"):
        type("Again", (Conflict,), {"code": "too_many_attempts", "meaning": "another"})
    assert ERROR_CLASSES["too_many_attempts"] is TooManyRequests


def test_a_class_that_inherits_its_code_inherits_the_meaning() -> None:
    assert (TooManyLogins.code, TooManyLogins.meaning) == (TooManyRequests.code, TooManyRequests.meaning)
    assert TooManyLogins not in ERROR_CLASSES.values()


ALL_MODULES = """
import importlib, pkgutil
import jwtapi.app
from jwtapi.composition import features
from jwtapi.errors import ERROR_CLASSES

features()
imported_by_the_app = dict(ERROR_CLASSES)
for module in pkgutil.walk_packages(jwtapi.__path__, "jwtapi."):
    importlib.import_module(module.name)
assert imported_by_the_app == ERROR_CLASSES, ERROR_CLASSES.keys() - imported_by_the_app.keys()
"""


def test_the_app_imports_every_class_that_defines_a_code() -> None:
    """Otherwise the catalogue depends on which program makes the OpenAPI document, the server or `jwtapi openapi`."""
    done = subprocess.run([sys.executable, "-c", ALL_MODULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
