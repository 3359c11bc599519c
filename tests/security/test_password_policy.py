from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from zxcvbn import matching, scoring

from jwtapi.errors import InvalidInput
from jwtapi.security.password_policy import PasswordPolicy, PasswordTooCommon, PasswordTooLong, PasswordTooShort

STRICT = PasswordPolicy(min_length=15, blocklist=True)


@pytest.mark.parametrize(
    "password",
    (
        "qmzvtrbwkyhxjpdnglcf",
        "correct horse battery staple",
        "привет 你好 ümläut мир",
        "plum ~`!@#$%^&*()_+-={}[]|:;\"'<>,.?/ tree",
        "x7-" + "abcdefgh ijklmnop" * 60 + "9",
        "65914426\nqmzvtrbwkyhxjpdnglcf",
    ),
)
def test_a_password_that_is_hard_to_guess_is_accepted_whatever_characters_it_has(password: str) -> None:
    STRICT.check(password, username="alice")


@pytest.mark.parametrize(
    ("password", "error"),
    (
        ("fourteen chars", PasswordTooShort),
        ("x" * 1025, PasswordTooLong),
        ("passwordpassword", PasswordTooCommon),
        ("a" * 16, PasswordTooCommon),
        (" " * 16, PasswordTooCommon),
        ("1234567890123456", PasswordTooCommon),
        ("qwertyuiopasdfgh", PasswordTooCommon),
        ("jwtapijwtapijwtapi", PasswordTooCommon),
        ("bartholomew-the-great", PasswordTooCommon),
        ("Bartholomew-The-Great1", PasswordTooCommon),
        ("b4rth0l0m3w-th3-gr3@t", PasswordTooCommon),
        ("jwtapijwtapi2026", PasswordTooCommon),
        ("P@ssw0rd12345678", PasswordTooCommon),
        ("p4ssw0rdp4ssw0rd", PasswordTooCommon),
        ("5p00n15p00n15p00n1", PasswordTooCommon),
        ("e\u0301" * 14, PasswordTooShort),
        ("a\u0301" * 15, PasswordTooCommon),
        ("\u0301\u0316" * 32_768, PasswordTooLong),
    ),
    ids=range(18),
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str, error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        STRICT.check(password, username="Bartholomew-the-Great")


def test_the_length_of_a_password_is_counted_in_characters() -> None:
    PasswordPolicy(min_length=8, blocklist=False).check("пароль12", username="alice")
    with pytest.raises(PasswordTooShort):
        PasswordPolicy(min_length=8, blocklist=False).check("пароль1", username="alice")


@pytest.mark.parametrize(
    "password", ("p@ssword", "Passw0rd", "qwerty123", "alice2024", "11111111", "dragon99", "\u00e9" * 8)
)
def test_a_well_known_password_is_refused_where_passwords_may_be_short(password: str) -> None:
    with pytest.raises(PasswordTooCommon):
        PasswordPolicy(min_length=8, blocklist=True).check(password, username="alice")


def test_a_password_equal_to_a_long_user_name_is_refused() -> None:
    name = "qmzvtrbwkyhxjpdnglcf" * 3
    with pytest.raises(PasswordTooCommon):
        STRICT.check(name, username=name)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The characters of each text that zxcvbn looks through, and a 0 for each guess that it estimates."""
    done = []

    def spied(module: Any, name: str, size: Callable[..., int]) -> None:
        real = getattr(module, name)

        def spy(*args: Any, **kwargs: Any) -> Any:
            done.append(size(*args))
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, spy)

    for name in ("dictionary_match", "spatial_match", "repeat_match", "sequence_match", "date_match"):
        spied(matching, name, lambda text, *_: len(text))
    spied(scoring, "estimate_guesses", lambda *_: 0)
    return done


@pytest.mark.parametrize(
    "password",
    (
        "4@8({[</369#&!1/|0$5+7%2/4@8({[</369#&!1/|0$5+7%2/",
        "4@8({[<369!1|7+$50%2" * 50,
        "12" * 512,
        "1" * 1024,
        "01-02-1990" * 100,
        "1/1/11" * 150,
        "p4$$w0rdm0n3y" * 75,
        "ab" * 512,
        # Found by searching for much work.
        "11na@eed15121212121212121212121212121212",
        "i5it7ohongguyi5satigeassholeideran123456",
    ),
)
def test_a_password_cannot_be_chosen_so_that_assessing_it_takes_long(work: list[int], password: str) -> None:
    with suppress(PasswordTooCommon):
        STRICT.check(password, username="alice")
    looked_through = [size for size in work if size]
    assert max(looked_through) == 40
    assert len(looked_through) < 200
    assert work.count(0) < 5000
