import pytest

from jwtapi.languages import LANGUAGES, best_language


@pytest.mark.parametrize(
    ("header", "language"),
    (
        ("", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("de-AT, de;q=0.9, en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("fr, de;q=0.5, en;q=0.4", "de"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("de;q=0.5, en;q=0.5", "de"),
        (" de ; q=0.7 , en ; q=0.6", "de"),
        ("*", "en"),
        ("deutsch", "en"),
    ),
)
def test_the_best_language_is_the_one_that_the_header_prefers(header: str, language: str) -> None:
    assert best_language(header) == language


@pytest.mark.parametrize(
    "header", ("de;q=", "de;q=x", "de;q=nan", "de;q=-1", ";;;,,,", "\u00fc", "-", "de;q=0.1;q=0.9")
)
def test_a_malformed_header_asks_for_no_other_language(header: str) -> None:
    assert best_language(header) == "en"


def test_only_the_beginning_of_a_long_header_is_read() -> None:
    assert best_language("fr," * 100 + "de") == "en"
    assert best_language("de," + "x" * 1_000_000) == "de"


def test_every_language_can_be_asked_for() -> None:
    assert [best_language(language) for language in LANGUAGES] == list(LANGUAGES)
