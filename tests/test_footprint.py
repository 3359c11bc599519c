import subprocess
import sys

HEAVY = ("alembic", "redis", "zxcvbn", "asyncpg", "idna", "regex", "opentelemetry.sdk", "requests")


def test_a_server_loads_only_what_its_settings_ask_for() -> None:
    program = f"import jwtapi.cli.main, sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "\n"
