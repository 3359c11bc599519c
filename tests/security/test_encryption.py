import pytest

from jwtapi.security.encryption import Cipher, WrongSecret

SECRET = "a secret of 32 bytes or even more"


def test_only_the_same_secret_purpose_and_owner_open_the_bytes() -> None:
    encrypted = Cipher(SECRET, b"one").encrypt(b"plain", bound_to=b"alice")
    assert Cipher(SECRET, b"one").decrypt(encrypted, bound_to=b"alice") == b"plain"
    for cipher, owner in (
        (Cipher("another secret of 32 bytes or more", b"one"), b"alice"),
        (Cipher(SECRET, b"another"), b"alice"),
        (Cipher(SECRET, b"one"), b"bob"),
    ):
        with pytest.raises(WrongSecret):
            cipher.decrypt(encrypted, bound_to=owner)


def test_changed_or_cut_bytes_are_refused() -> None:
    cipher = Cipher(SECRET, b"one")
    encrypted = cipher.encrypt(b"plain", bound_to=b"alice")
    changed = (encrypted[:at] + bytes((encrypted[at] ^ 1,)) + encrypted[at + 1 :] for at in range(len(encrypted)))
    cut = (encrypted[:length] for length in range(len(encrypted)))
    for wrong in (*changed, *cut, encrypted + b"x"):
        with pytest.raises(WrongSecret):
            cipher.decrypt(wrong, bound_to=b"alice")


def test_the_same_bytes_are_encrypted_otherwise_each_time() -> None:
    cipher = Cipher(SECRET, b"one")
    assert len({cipher.encrypt(b"plain", bound_to=b"alice") for _ in range(100)}) == 100
