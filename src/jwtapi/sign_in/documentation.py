"""What the OpenAPI document says of passwords."""

EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105


def example_password(min_length: int) -> str:
    """Return a password that is accepted, and that signs in whoever registered with the example."""
    return EXAMPLE_PASSWORD.ljust(min_length, "!")
