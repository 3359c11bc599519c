"""Checks which users can read and write the files."""

import os
import stat
from pathlib import Path

from jwtapi.env_file import names_given_twice

_OTHERS = 0o077


def problems_of_env_file(path: Path) -> list[str]:
    problems = [
        f"{path}: {name} is set on the lines {', '.join(map(str, lines))}, and only the last counts: delete the others"
        for name, lines in names_given_twice(path).items()
    ]
    return problems_of_mode(path) + problems


def problems_of_mode(path: Path) -> list[str]:
    if path.exists() and path.stat().st_mode & _OTHERS:
        return [f"{path} can be read by other users of this machine: chmod 600 {path}"]
    return []


def problems_of_database_mode(path: Path) -> list[str]:
    """Check the file of an SQLite database, the files that SQLite keeps beside it, and their folder."""
    files = (path.with_name(path.name + end) for end in ("", "-wal", "-shm"))
    return [problem for file in files for problem in problems_of_mode(file)] + _problems_of_folder_mode(path.parent)


def _problems_of_folder_mode(folder: Path) -> list[str]:
    mode = folder.stat().st_mode if folder.exists() else 0
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        name = folder.absolute()
        return [f"{name} is a folder in which any user of this machine can replace the database: chmod o-w {name}"]
    return []


def problem_of_folder(path: Path) -> str | None:
    """Check that SQLite can make its files there. The folder may be missing, because a start makes it."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        return f"DATABASE_URL: {folder} is not a folder: choose another file"
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"DATABASE_URL: {folder} is a folder that this user cannot write to: permit it, or choose another file"
    return None
