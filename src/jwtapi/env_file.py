"""Reads `.env`, and appends the secrets to it at the first start in development.

python-dotenv parses the lines. It skips a line that it does not understand. Here such a line is an error, because a
server must not start with only some of its settings.
"""

import os
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from jwtapi.secret_strength import new_secret

SECRETS = ("JWT_SECRET", "REFRESH_SECRET")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class EnvFileError(Exception):
    """`problems` has one line for each fault. It gives the line number, never the text, which may be a secret."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read_env_file(path: Path) -> Mapping[str, str]:
    """Return the values by name, without empty values. If a name occurs twice, its last value counts.

    A file that does not exist has no values.

    Raises:
        EnvFileError: the file cannot be read, or has a line that is not understood.
    """
    text = _read(path)
    problems = []
    known = set(os.environ)
    for binding in parse_stream(StringIO(text)):
        if (fault := _fault_of(binding, known)) is not None:
            problems.append(f"{path}: line {_line_of(binding)}: {fault}")
        elif binding.key is not None:
            known.add(binding.key)
    if problems:
        raise EnvFileError(problems)
    return MappingProxyType({name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value})


def names_given_twice(path: Path) -> Mapping[str, list[int]]:
    """Return the names that are set on several lines, with the numbers of these lines. The last line counts.

    Raises:
        EnvFileError: the file cannot be read.
    """
    lines: dict[str, list[int]] = {}
    for binding in parse_stream(StringIO(_read(path))):
        # Ignore an empty value before a real one, because .env.example begins with empty secrets.
        if binding.key is not None and (binding.value or binding.key.upper() in lines):
            lines.setdefault(binding.key.upper(), []).append(_line_of(binding))
    return {name: found for name, found in lines.items() if len(found) > 1}


def missing_secrets(env_file: Path) -> list[str]:
    """Return the names of the secrets that neither the environment nor `env_file` has.

    Raises:
        EnvFileError: the file cannot be read, or has a line that is not understood.
    """
    present = read_env_file(env_file)
    return [
        name for name in SECRETS if not (os.environ.get(name) or os.environ.get(f"{name}_FILE") or present.get(name))
    ]


def add_missing_secrets(env_file: Path) -> list[str]:
    """Append a new value for each secret that neither the environment nor `env_file` has. Return their names.

    The existing lines stay. Only the owner can read the file afterwards.

    Raises:
        EnvFileError: the file cannot be read, or has a line that is not understood.
        OSError: the file cannot be written.
    """
    missing = missing_secrets(env_file)
    if missing:
        descriptor = os.open(env_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # the file may have existed before, readable by others
            if file.tell() and not env_file.read_text(encoding="utf-8").endswith("\n"):
                file.write("\n")
            file.writelines(f"{name}={new_secret()}\n" for name in missing)
    return missing


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise EnvFileError([f"{path}: is a link to a file that does not exist"]) from None
        _require_working_directory()
        return ""
    except OSError as error:
        raise EnvFileError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise EnvFileError([f"{path}: not UTF-8"]) from None


def _require_working_directory() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise EnvFileError([f"the working directory: {error.strerror}; change to one that exists"]) from None


def _fault_of(binding: Binding, known: set[str]) -> str | None:
    if binding.error or _CONTROL.search(binding.original.string) is not None:
        return "not understood; write NAME=value, close each quote, and use no control characters"
    if binding.key is None:  # an empty line, or a comment
        return None
    if binding.value is None or _NAME.fullmatch(binding.key) is None:
        return "not understood; write NAME=value"
    if _LINE_END.search(binding.original.string.strip()) is not None:
        return "the value continues on the next line; close the quote"
    for part in parse_variables(binding.value):
        if isinstance(part, Variable) and part.default is None and part.name not in known:
            return "${…} refers to a variable that is not set"
    return None


def _line_of(binding: Binding) -> int:
    """Return the line of the binding itself. The parser includes the empty lines before it."""
    text = binding.original.string
    before = text[: len(text) - len(text.lstrip())]
    return binding.original.line + len(_LINE_END.findall(before))
