import pytest

from jwtapi.interpreter import interpreter_problems


@pytest.mark.parametrize(
    ("version", "holes", "wanted"),
    (
        ((3, 11, 7), ("CVE-2024-7592 in http.cookies", "CVE-2026-3276 in unicodedata"), "3.11.16"),
        ((3, 11, 15), ("CVE-2026-3276 in unicodedata",), "3.11.16"),
        ((3, 12, 0), ("CVE-2024-7592 in http.cookies", "CVE-2026-3276 in unicodedata"), "3.12.14"),
        ((3, 13, 13), ("CVE-2026-3276 in unicodedata",), "3.13.14"),
        ((3, 14, 0), ("CVE-2026-3276 in unicodedata",), "3.14.6"),
    ),
)
def test_a_python_release_with_known_holes_is_reported(
    version: tuple[int, int, int], holes: tuple[str, ...], wanted: str
) -> None:
    (problem,) = interpreter_problems(version)
    assert problem.startswith(f"Python {'.'.join(map(str, version))} has known vulnerabilities, ")
    assert f"({', '.join(holes)}): use {wanted} or later" in problem


@pytest.mark.parametrize("version", ((3, 11, 16), (3, 12, 14), (3, 13, 14), (3, 14, 6), (3, 15, 0), (4, 0, 0)))
def test_a_python_release_without_known_holes_is_not_reported(version: tuple[int, int, int]) -> None:
    assert interpreter_problems(version) == []
