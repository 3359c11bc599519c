"""What a real nginx wants to be told when it is not run as a service."""

from pathlib import Path


def temporary_folders(folder: Path) -> str:
    """The directives that keep its temporary files in `folder`, for the `http` block."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
