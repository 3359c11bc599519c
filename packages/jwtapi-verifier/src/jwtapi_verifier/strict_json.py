"""Parses strict JSON (RFC 8259 and I-JSON, RFC 7493), for headers, claims, key sets and revocations.

Python's parser accepts more: UTF-16, a byte order mark, duplicate names (the last one wins), NaN, 1e400 as infinity,
and lone surrogates that later fail to encode. If two parsers read a text differently, an attacker can use that.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Levels of nesting. This is far below the recursion limit of all code that processes the value later."""

_OUT_OF_RANGE = "a number is out of range"


def loads(data: bytes) -> Any:
    """Parse strict JSON.

    Raises:
        ValueError: the text is not strict JSON. The message does not repeat it.
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        # The exception holds the whole document, so replace it by one that does not.
        raise ValueError(f"{error.msg} at position {error.pos}") from None
    except _NotStrict:
        raise
    except ValueError:
        # An integer has more digits than Python converts. Python's message would not help a client.
        raise ValueError(_OUT_OF_RANGE) from None
    # Only an escape can make half of a surrogate pair, and only brackets make levels.
    if "\\u" in text or text.count("[") + text.count("{") >= MAX_DEPTH:
        _check(value)
    return value


class _NotStrict(ValueError):
    """The text is JSON that only Python's parser accepts."""


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("a name occurs twice in one object")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise _NotStrict("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotStrict(_OUT_OF_RANGE)
    return number


_decoder = json.JSONDecoder(  # json.loads would make one for each text
    object_pairs_hook=_unique_names, parse_constant=_refuse_constant, parse_float=_finite
)


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
