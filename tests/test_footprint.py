import subprocess
import sys

HEAVY = (
    "alembic",
    "redis",
    "zxcvbn",
    "asyncpg",
    "regex",
    "opentelemetry.sdk",
    "requests",
    "jinja2",
    "aiosmtplib",
    "ua_parser",
    "jwt",
    "cryptography",
)
"""Not email_validator and idna: FastAPI loads them if they are installed. They take less than 0.5 MB."""


def test_a_server_loads_only_what_its_settings_ask_for() -> None:
    program = f"import jwtapi.cli.main, sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "\n"
