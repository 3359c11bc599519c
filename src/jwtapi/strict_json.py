"""JSON as RFC 8259 and I-JSON (RFC 7493) want it, for request bodies and token payloads.

The standard parser takes more: UTF-16, a byte order mark, duplicate names (the last one wins), NaN, 1e400 as infinity,
lone surrogates that later fail to encode. What two parsers read differently, an attacker can use.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Levels of nesting; far below the recursion limit of anything that walks the value later."""


def loads(data: bytes) -> Any:
    """Parse strict JSON.

    Raises:
        ValueError: the text is not strict JSON; the message does not repeat it.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_names,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        # Its str() is safe, but the exception carries the whole document: let go of it here.
        raise ValueError(f"{error.msg} at position {error.pos}") from None
    _check(value)
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _check(value: Any) -> None:
    level = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _refuse_surrogates(item)
            elif isinstance(item, dict):
                for name in item:
                    _refuse_surrogates(name)
                below += item.values()
            elif isinstance(item, list):
                below += item
        level = below


def _refuse_surrogates(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a string has half of a surrogate pair") from None
