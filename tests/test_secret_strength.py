import pytest

from jwtapi.secret_strength import new_secret, weakness_of


def test_a_new_secret_is_strong_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {weakness_of(secret) for secret in secrets} == {None}


@pytest.mark.parametrize(
    ("secret", "weakness"),
    (
        ("", "shorter than 32 bytes"),
        ("k9#mPq2$vLx7@nRt4&wYz8*bCd1!fG", "shorter than 32 bytes"),
        ("abcabcabc" * 8, "fewer than 10 different characters"),
        ("0" * 64, "fewer than 10 different characters"),
        ("replace_this_with_a_long_random_string", "a sample from documentation, not a random secret"),
        ("a-string-secret-at-least-256-bits-long", "a sample from documentation, not a random secret"),
        ("your-super-long-key-with-at-least-32-characters", "a sample from documentation, not a random secret"),
        (
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "a sample from documentation, not a random secret",
        ),
    ),
)
def test_a_weak_secret_is_refused_with_the_reason(secret: str, weakness: str) -> None:
    assert weakness_of(secret) == weakness
