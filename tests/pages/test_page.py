from pathlib import Path

import pytest

from jwtapi.pages.page import Page


def test_a_page_has_no_file_of_the_name_of_a_shared_one(tmp_path: Path) -> None:
    (tmp_path / "main.js").touch()
    Page(tmp_path)
    (tmp_path / "form.js").touch()
    with pytest.raises(ValueError, match=r"form\.js"):
        Page(tmp_path)
