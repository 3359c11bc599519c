"""Runs programs by Node.js."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def printed_by(program: str, environment: Mapping[str, str], *, folder: Path | None = None) -> Any:
    """Run a module, which finds packages from `folder`, and return the JSON that it prints."""
    done = subprocess.run(
        ["node", "--input-type=module"],  # noqa: S607
        input=program,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
