import sys
import unicodedata

import pytest

from jwtapi.security.usernames import (
    UsernameInvalid,
    UsernameOfMixedScripts,
    UsernamePolicy,
    UsernameReserved,
    parse_username,
)

SPACES = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) == "Zs"]


@pytest.mark.parametrize(
    ("name", "same_as"),
    (
        ("Alice", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("Zoe\u0308", "zoë"),
        ("STRASSE", "straße"),
        ("\u212aelvin", "kelvin"),
        ("ﬁn", "fin"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ),
)
def test_user_names_that_look_alike_have_one_canonical_name(name: str, same_as: str) -> None:
    assert parse_username(name).canonical == parse_username(same_as).canonical


@pytest.mark.parametrize("name", ("alice", "alice@example.com", "o'neil", "a-b_c.d+e", "李雷", "Владимир", "x" * 64))
def test_a_user_name_is_shown_as_it_was_written(name: str) -> None:
    assert parse_username(name).display == name


def test_a_canonical_name_is_its_own_canonical_name() -> None:
    for name in ("Straße", "ϒ", "İstanbul", "ſ", "ﷺ"):
        try:
            canonical = parse_username(name).canonical
        except UsernameInvalid:
            continue
        assert parse_username(canonical).canonical == canonical


@pytest.mark.parametrize(
    "name",
    (
        "",
        " ",
        "two words",
        "line\nbreak",
        "nul\0",
        "zero\u200bwidth",
        "joiner\u200d",
        "\u202eevil",
        "soft\u00adhyphen",
        "filler\u3164",
        "variation\ufe0f",
        "\ue000private",
        "😀",
        "\u0301combining first",
        "\u0301",
        "\u0301alice",
        "\u0345",
        "\uff9e",
        "\u0903\u0903",
        "\u0e31",
        "x" * 65,
        "\ufdfa" * 64,
        "\u0958" * 64,
    ),
)
def test_a_user_name_with_deceptive_characters_is_refused(name: str) -> None:
    with pytest.raises(UsernameInvalid):
        parse_username(name)


def take(name: str, *reserved: str, may_be_reserved: bool = False) -> None:
    UsernamePolicy(reserved).check(parse_username(name), may_be_reserved=may_be_reserved)


def test_spaces_of_any_width_around_a_user_name_are_stripped() -> None:
    for space in SPACES:
        assert parse_username(f"{space} Alice {space}") == parse_username("Alice")
    assert parse_username(f" {'x' * 64} ").display == "x" * 64


@pytest.mark.parametrize("edge", ("\t", "\n", "\r\n", "\u200b", "\ufeff", "\u2028"))
def test_only_spaces_around_a_user_name_are_stripped(edge: str) -> None:
    for name in (f"alice{edge}", f"{edge}alice"):
        with pytest.raises(UsernameInvalid):
            parse_username(name)


@pytest.mark.parametrize(
    "name",
    (
        "аdmin",  # the first letter is Cyrillic
        "Аdmin",
        "αdmin",
        "paypаl",
        "gооgle",
        "alice\u0430",
        "bob_\u03bf",
        "Ꭺlice",  # Cherokee
        "ivanовић",
        "аβ",
        "漢字пример",
        "ㄅひ",
        "김ひ",
        "a\u09ea",  # a Bengali 4, which looks like an 8
        "\uff41\u0501min",
    ),
)
def test_a_new_name_of_mixed_scripts_is_refused(name: str) -> None:
    with pytest.raises(UsernameOfMixedScripts):
        take(name)


@pytest.mark.parametrize(
    "name",
    (
        "alice_42",
        "Zoë",
        "Zoe\u0308",
        "o'neil",
        "𝐚lice",
        "col·legi",
        "Владимир_42",
        "Дем'ян",
        "Ёлка",
        "Ελένη",
        "Արամ",
        "ნინო",
        "יוסף",
        "محمد٤٢",
        "สมชาย",
        "नमस्ते",
        "அருண்",
        "李雷",
        "田中さくら",
        "さくらサクラ",
        "サーバー",
        "太郎taro",
        "김철수",
        "김철수kim",
        "ㄅㄆ李li",
        "ᎳᎥᎪ",
        "ᏣᎳᎩ42",
        "佐々木",
    ),
)
def test_a_new_name_of_one_script_or_of_scripts_that_are_written_together_is_accepted(name: str) -> None:
    take(name)


@pytest.mark.parametrize("name", ("admin", "ADMIN", "ａｄｍｉｎ", " admin "))
def test_reserved_names_are_compared_by_their_canonical_form(name: str) -> None:
    with pytest.raises(UsernameReserved):
        take(name, "root", "Admin")
    take(name, "root", "Admin", may_be_reserved=True)
    take(name, "😀", "root")
