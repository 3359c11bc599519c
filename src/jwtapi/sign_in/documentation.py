"""Example passwords for the OpenAPI document."""

EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105


def example_password(min_length: int) -> str:
    """Return an example password of an accepted length. The examples of registration and login use the same one."""
    return EXAMPLE_PASSWORD.ljust(min_length, "!")
