"""Refuses weak signing secrets (RFC 7518 §3.2, RFC 8725 §3.5), and makes new ones."""

import secrets

MIN_BYTES = 32
MIN_DISTINCT = 10

# Secrets from documentation and templates that would pass the other checks.
_PUBLISHED = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
        "gqdstcksx0nhjpouoxyg5mbej1xt0ufiwdvvvbrk",  # PostgREST's tutorial
    }
)
# A random secret does not contain these words. Sample secrets nearly always do.
_SAMPLE_WORDS = ("secret", "password", "replace", "changeme", "change_me", "change-me", "example", "your-", "your_")


def weakness_of(secret: str) -> str | None:
    """Return why the secret is too weak, or None if it is not. The reason never repeats the secret."""
    folded = secret.lower()
    if len(secret.encode()) < MIN_BYTES:
        return f"shorter than {MIN_BYTES} bytes"
    if len(set(secret)) < MIN_DISTINCT:
        return f"fewer than {MIN_DISTINCT} different characters"
    if folded in _PUBLISHED or any(word in folded for word in _SAMPLE_WORDS):
        return "a sample from documentation, not a random secret"
    return None


def new_secret() -> str:
    """Return 256 random bits in hexadecimal."""
    return secrets.token_hex(32)
