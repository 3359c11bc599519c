"""Hashes that other systems have made, and what becomes of them."""

import random
import unicodedata
from collections.abc import Sequence

import pytest

from jwtapi.security.foreign_hashes.errors import CostTooHigh
from jwtapi.security.foreign_hashes.importing import SCHEMES, import_hash
from jwtapi.security.passwords import PasswordHasher
from tests.security.foreign_hashes.systems import SYSTEMS, System

PASSWORD = "Correct-horse-bättery-🐎"

each_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(rounds=4, threads=2)


def test_every_scheme_has_a_system_whose_hashes_are_tried() -> None:
    assert {system.scheme for system in SYSTEMS} == set(SCHEMES)


@each_system
async def test_the_right_password_verifies_no_other_does_and_the_hash_is_replaced(
    hasher: PasswordHasher, system: System
) -> None:
    system.skip_if_missing()
    text, options = system.hash(PASSWORD)
    for scheme in (system.scheme, None) if system.names_itself else (system.scheme,):
        stored = import_hash(f" {text}\n", scheme, options)
        assert len(stored) <= 255
        assert import_hash(stored) == stored
        assert await hasher.verify(PASSWORD, stored)
        assert not await hasher.verify(PASSWORD.lower(), stored)
        assert hasher.needs_update(stored)


@pytest.mark.parametrize(
    "system", [system for system in SYSTEMS if system.over_cost is not None], ids=lambda system: system.name
)
async def test_a_hash_that_costs_too_much_is_refused_at_the_import_and_before_each_check(
    hasher: PasswordHasher, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert system.over_cost is not None
    with pytest.raises(CostTooHigh):
        import_hash(system.over_cost, None if system.names_itself or system.scheme == "firebase" else system.scheme)
    dummies = 0

    def count(_: PasswordHasher) -> bool:
        nonlocal dummies
        dummies += 1
        return False

    monkeypatch.setattr(PasswordHasher, "_verify_dummy_hash", count)
    assert not await hasher.verify(PASSWORD, system.over_cost)
    assert dummies == 1


ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "äöüßéèêñçåøłőž",
    "пароль密码パスワード비밀번호",
    "🐎🔑👩‍🚀🇩🇪",
    "ﬁﬀ①ｱﾊﾟｰﾄＡＢＣ",
)


def some_passwords(seed: str) -> Sequence[str]:
    """Texts of several alphabets in all normalisation forms, from 1 to 80 characters, and one that exceeds 72 bytes."""
    chance = random.Random(seed)  # noqa: S311  the same passwords in each run
    passwords = ["x" * 79 + "y"]
    for form in ("NFC", "NFD", "NFKC", "NFKD") * 6:
        letters = "".join(chance.sample(ALPHABETS, chance.randint(1, 2)))
        password = "".join(chance.choices(letters, k=chance.choice((1, 8, 15, 24, 80))))
        passwords.append(unicodedata.normalize(form, password))
    return passwords


@each_system
async def test_random_passwords_verify_as_their_system_hashed_them(hasher: PasswordHasher, system: System) -> None:
    system.skip_if_missing()
    passwords = [each for each in some_passwords(system.name) if len(each.encode()) <= system.longest]
    if system.scheme == "bcrypt_sha256":  # this is jwtapi's own scheme, whose passwords are in NFC
        passwords = [unicodedata.normalize("NFC", each) for each in passwords]
    for password, (text, options) in zip(passwords, system.hashes(passwords), strict=True):
        stored = import_hash(text, system.scheme, options)
        assert await hasher.verify(password, stored), (password, stored)
        assert not await hasher.verify(f"?{password}", stored), (password, stored)
