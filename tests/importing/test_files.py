"""Files that are broken, or made to hurt."""

import json
import os
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from jwtapi.importing.digests import Digests
from jwtapi.importing.documents import elements
from jwtapi.importing.lines import MAX_BYTES
from jwtapi.importing.records import FileInvalid, Unreadable
from jwtapi.importing.rows import read_rows

MEGABYTE = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


def rows(file: Path, content: bytes, member: str | None = None, *, only_lines: bool = False) -> list[tuple[int, Any]]:
    """Each row, or the reason why it is none."""
    file.write_bytes(content)
    found = read_rows(file, member=member, only_lines=only_lines)
    return [(line, row.reason if isinstance(row, Unreadable) else row) for line, row in found]


def test_a_line_of_100_megabytes_is_reported_without_being_held(file: Path) -> None:
    with file.open("wb") as out:
        out.write(b'{"username": "')
        for _ in range(100):
            out.write(b"x" * MEGABYTE)
        out.write(b'"}\n{"username": "next"}\n')
    tracemalloc.start()
    try:
        found = list(read_rows(file, only_lines=True))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(1, Unreadable("longer than 1 MiB")), (2, {"username": "next"})]
    assert peak < 10 * MEGABYTE


def test_an_element_of_100_megabytes_is_reported_without_being_held(file: Path) -> None:
    with file.open("wb") as out:
        out.write(b'{"realm": "x", "users": [{"a": "')
        for _ in range(100):
            out.write(b"x" * MEGABYTE)
        out.write(b'"}, {"username": "next"}]}')
    tracemalloc.start()
    try:
        found = list(read_rows(file, member="users"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(1, Unreadable("longer than 1 MiB")), (2, {"username": "next"})]
    assert peak < 10 * MEGABYTE


def test_the_longest_line_that_is_accepted_has_a_mebibyte(file: Path) -> None:
    start, end = b'{"a":"', b'"}\n'
    longest = start + b"x" * (MAX_BYTES - len(start) - len(end)) + end
    assert [line for line, row in rows(file, longest, only_lines=True) if isinstance(row, dict)] == [1]
    assert rows(file, b" " + longest + b"{}", only_lines=True) == [(1, "longer than 1 MiB"), (2, {})]


@pytest.mark.parametrize(
    ("line", "reason"),
    (
        (b'{"a": 1, "a": 2}', "a name occurs twice"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": "\0"}', "control character"),
        (b"[1]", "not a JSON object"),
        (b"{", "not strict JSON"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested too deeply"),
    ),
)
def test_a_line_that_is_no_strict_json_is_reported_and_the_next_one_is_read(
    file: Path, line: bytes, reason: str
) -> None:
    (_, broken), (number, following) = rows(file, line + b'\n{"username": "next"}', only_lines=True)
    assert reason.lower() in broken.lower()
    assert (number, following) == (2, {"username": "next"})


def test_a_byte_order_mark_and_empty_lines_are_no_part_of_the_text(file: Path) -> None:
    assert rows(file, b'\xef\xbb\xbf\r\n{"a": 1}\r\n\r\n{"a": 2}') == [(2, {"a": 1}), (4, {"a": 2})]
    assert rows(file, b"\xef\xbb\xbfa,b\r\n1,2\r\n") == [(2, {"a": "1", "b": "2"})]
    with pytest.raises(FileInvalid, match="UTF-16"):
        rows(file, '{"a": 1}'.encode("utf-16"))
    assert rows(file, b"") == []


def test_a_pipe_is_refused_because_the_file_is_read_twice() -> None:
    with pytest.raises(FileInvalid, match="not a pipe"):
        list(read_rows(Path("/dev/null")))


def test_cells_of_csv_have_quotes_commas_and_line_ends(file: Path) -> None:
    content = b'name,note\r\n"a ""b"", c","two\r\nlines"\r\n\r\nd,\r\n'
    assert rows(file, content) == [
        (2, {"name": 'a "b", c', "note": "two\r\nlines"}),
        (5, {"name": "d", "note": ""}),
    ]


def test_a_row_of_csv_that_is_none_is_reported_and_the_next_one_is_read(file: Path) -> None:
    content = b'a,b\n1\n1,2,3\n"x"y,2\n\xff,2\n\0,2\n' + b"x" * MAX_BYTES + b",2\n3,4\n"
    found = rows(file, content)
    assert [(line, row) for line, row in found if isinstance(row, dict)] == [
        (6, {"a": "\0", "b": "2"}),
        (8, {"a": "3", "b": "4"}),
    ]
    assert [line for line, row in found if isinstance(row, str)] == [2, 3, 4, 5, 7]


def test_a_cell_of_csv_can_have_a_mebibyte(file: Path) -> None:
    longest = b"x" * (MAX_BYTES - 3)
    assert rows(file, b"a,b\n" + longest + b",2\n") == [(2, {"a": longest.decode(), "b": "2"})]


@pytest.mark.parametrize("filler", (b"x" * 2 * MAX_BYTES + b"\n", (b"x" * 1000 + b'""\n') * 1000))
def test_nobody_forges_a_row_inside_a_long_cell(file: Path, filler: bytes) -> None:
    content = b'name,note\neve,"' + filler * 3 + b'""\nmallory,admin\n"\nbob,\n'
    found = rows(file, content)
    assert [row for _, row in found if isinstance(row, dict)] == [{"name": "bob", "note": ""}]
    assert [line for line, row in found if isinstance(row, str)] == [2]


def test_a_quote_that_is_never_closed_is_reported_before_anybody_is_lost(file: Path) -> None:
    line = b"1," + b"2" * 100 + b"\n"
    with pytest.raises(FileInvalid, match="line 2 begins a quote that never ends"):
        rows(file, b'a,b\n"' + line * 12000)


def test_a_named_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileInvalid, match="not a pipe"):
        list(read_rows(pipe))


@pytest.mark.parametrize("content", (b"a,a\n1,2\n", b"a,\n1,2\n", b'"a\n'))
def test_columns_without_a_name_of_their_own_are_refused(file: Path, content: bytes) -> None:
    with pytest.raises(FileInvalid, match="first line"):
        rows(file, content)


DOCUMENT = {
    "realm": 'a "quoted" \\ name',
    "users": [
        {"username": "alice", "note": 'brackets ]}[{ and a quote " and a backslash \\'},
        {"list": [[1, 2], {"a": 3}]},
    ],
    "clients": [{"users": ["not these"]}],
    "nested": {"users": ["nor these"]},
}


@pytest.mark.parametrize("indent", (None, 2))
def test_only_the_named_array_of_a_document_is_read(file: Path, indent: int | None) -> None:
    document = json.dumps(DOCUMENT, indent=indent).encode()
    expected = list(enumerate(DOCUMENT["users"], 1))
    assert rows(file, document, "users") == expected
    assert rows(file, json.dumps(DOCUMENT["users"], indent=indent).encode()) == expected
    assert rows(file, b'{"users": []}', "users") == []


def test_an_array_is_found_wherever_the_file_is_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.dumps(DOCUMENT).encode()
    for size in range(1, 40):
        monkeypatch.setattr("jwtapi.importing.documents._CHUNK", size)
        found = [json.loads(piece or b"null") for piece in elements(BytesIO(document), "users")]
        assert found == DOCUMENT["users"], size


@pytest.mark.parametrize(
    ("content", "complaint"),
    (
        (b'{"users": [{"a": 1}', "ends in the middle"),
        (b'{"users": [{"a": "1', "ends in the middle"),
        (b'{"people": [1]}', 'no member "users"'),
        (b'{"users": {"a": [1]}}', 'no member "users"'),
        (b'{"users": [1], "users": [2]}', "twice"),
        (b"{users: [1]}", "no JSON"),
        (b'{"users": [1]}}', "bracket too many"),
        (b'{"users": [{"a": 1}, {"a": 2}}', "bracket of another kind"),
    ),
)
def test_a_document_without_the_array_is_refused(file: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(FileInvalid, match=complaint):
        rows(file, content, "users")


def test_an_element_that_is_no_object_is_reported(file: Path) -> None:
    found = rows(file, b'[{"a": 1},, {"a": 2}, 3, {"a": }]')
    assert [isinstance(row, dict) for _, row in found] == [True, False, True, False, False]


def test_digests_count_what_occurs_twice() -> None:
    digests = Digests()
    for text in ("a", "b", "a", "\ud800", "a"):
        digests.add(text)
    digests.close()
    assert [digests.count(text) for text in ("a", "b", "c", "\ud800")] == [2, 1, 0, 1]
