import pytest

from jwtapi.security.usernames import UsernameInvalid, parse_username


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
def test_names_that_look_alike_are_one(name: str, same_as: str) -> None:
    assert parse_username(name).canonical == parse_username(same_as).canonical


@pytest.mark.parametrize("name", ("alice", "alice@example.com", "o'neil", "a-b_c.d+e", "李雷", "Владимир", "x" * 64))
def test_a_name_is_shown_as_it_was_written(name: str) -> None:
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
def test_what_deceives_the_eye_is_no_name(name: str) -> None:
    with pytest.raises(UsernameInvalid):
        parse_username(name)
