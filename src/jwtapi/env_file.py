"""The `.env` that a first start in development writes, so that nothing need be configured."""

import os
from pathlib import Path

from dotenv import dotenv_values

from jwtapi.secret_strength import new_secret

SECRETS = ("JWT_SECRET", "REFRESH_SECRET")


def add_missing_secrets(env_file: Path) -> list[str]:
    """Append a fresh value for each secret that neither the environment nor `env_file` has; return their names.

    What the file holds stays as it is. With secrets in it, it is for its owner alone.
    """
    present = dotenv_values(env_file) if env_file.exists() else {}
    missing = [
        name for name in SECRETS if not (os.environ.get(name) or os.environ.get(f"{name}_FILE") or present.get(name))
    ]
    if missing:
        descriptor = os.open(env_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            if file.tell() and not env_file.read_text(encoding="utf-8").endswith("\n"):
                file.write("\n")
            file.writelines(f"{name}={new_secret()}\n" for name in missing)
        env_file.chmod(0o600)  # it may have been there before, for others to read
    return missing
