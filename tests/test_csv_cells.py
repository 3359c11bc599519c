import csv
from io import StringIO

import pytest

from jwtapi.csv_cells import csv_lines


@pytest.mark.parametrize("first", ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(first: str) -> None:
    (row,) = csv.reader(StringIO(csv_lines([[f'{first}HYPERLINK("http://evil.example")', f"a{first}"]]), newline=""))
    assert row == [f'\'{first}HYPERLINK("http://evil.example")', f"a{first}"]


def test_lines_end_as_the_rfc_requires_and_none_is_empty() -> None:
    assert csv_lines([["a", None], ['b"', "c,d"]]) == 'a,\r\n"b""","c,d"\r\n'
