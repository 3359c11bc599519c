"""Creates the files of reports and exports, which others must not read, and never in the place of another file."""

import os
from pathlib import Path
from typing import TextIO


def create_private(path: Path) -> TextIO:
    """Create a file that only its owner can read, and open it.

    Raises:
        FileExistsError: something has this name, such as a link, which is not followed.
        OSError
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
