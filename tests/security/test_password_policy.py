import pytest

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
    ),
)
def test_a_password_that_is_hard_to_guess_is_taken_whatever_it_is_made_of(password: str) -> None:
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
    ),
)
def test_any_other_is_refused(password: str, error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        STRICT.check(password, username="Bartholomew-the-Great")


def test_length_is_counted_in_characters_not_bytes() -> None:
    PasswordPolicy(min_length=8, blocklist=False).check("пароль12", username="alice")
    with pytest.raises(PasswordTooShort):
        PasswordPolicy(min_length=8, blocklist=False).check("пароль1", username="alice")
