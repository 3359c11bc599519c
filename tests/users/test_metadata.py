"""Which metadata a user can have."""

from typing import Any

import pytest

from jwtapi.users.errors import MetadataInvalid
from jwtapi.users.metadata import MAX_BYTES, MAX_DEPTH, parse_metadata


def nested(levels: int, innermost: Any = 1) -> Any:
    value = innermost
    for _ in range(levels):
        value = {"a": value}
    return value


def padded_to(size: int, name: str = "text") -> dict[str, Any]:
    """Metadata of this many bytes. Each letter takes two."""
    odd = "x" * ((size - len(f'{{"{name}":""}}')) % 2)
    return {name: odd + "é" * ((size - len(f'{{"{name}":""}}')) // 2)}


@pytest.mark.parametrize(
    "value",
    (
        {},
        {"tenant": "acme", "plan": None, "limits": [1, 2.5, True], "names with spaces": {"é": "🦆\n"}},
        {"n": 2**53, "m": -(2**53)},
        nested(MAX_DEPTH),
        padded_to(MAX_BYTES),
    ),
    ids=("nothing", "all kinds", "the largest numbers", "as deep as allowed", "as large as allowed"),
)
def test_json_within_the_bounds_is_taken_as_it_is(value: dict[str, Any]) -> None:
    assert parse_metadata(value) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    (
        (None, "a JSON object"),
        ([], "a JSON object"),
        ("{}", "a JSON object"),
        ({"": 1}, "printable"),
        ({"a\n": 1}, "printable"),
        ({"\ud800": 1}, "printable"),
        ({"x" * 101: 1}, "printable"),
        ({1: 1}, "printable"),
        ({"a": {"b\0": 1}}, "printable"),
        ({"a": "\0"}, "NUL"),
        ({"a": ["\ud800"]}, "surrogate"),
        ({"a": float("nan")}, "numbers"),
        ({"a": float("-inf")}, "numbers"),
        ({"a": 2**53 + 1}, "numbers"),
        ({"a": 10**400}, "numbers"),
        ({"a": b"bytes"}, "must be JSON"),
        ({"a": (1, 2)}, "must be JSON"),
        (nested(MAX_DEPTH + 1), "levels"),
        (nested(MAX_DEPTH, []), "levels"),
        (nested(MAX_DEPTH, "\0"), "NUL"),
        (nested(100_000), "levels"),
        (padded_to(MAX_BYTES + 1), "4096 bytes"),
    ),
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_what_cannot_be_stored_or_sent_unchanged_is_refused_with_a_reason(value: Any, reason: str) -> None:
    with pytest.raises(MetadataInvalid, match=reason):
        parse_metadata(value)


def test_the_members_that_tokens_contain_have_a_lower_bound() -> None:
    """They are counted together, with their names."""
    half = {"plan": "x" * (512 - len('{"plan":""')), "tenant": "y" * (512 - len(',"tenant":""}'))}
    assert parse_metadata(half, ("plan", "tenant")) == half
    more = half | {"plan": half["plan"] + "x"}
    with pytest.raises(MetadataInvalid, match="1024 bytes"):
        parse_metadata(more, ("plan", "tenant"))
    assert parse_metadata(more, ("plan",)) == more
