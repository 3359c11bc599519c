"""What leaves the repository: the wheel and the lock files."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.server import clean_environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would, far from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("jwtapi-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site-packages")
    return folder / "site-packages"


def test_the_wheel_brings_its_migrations_and_its_pages(installed: Path, tmp_path: Path) -> None:
    environment = clean_environment(JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET, PYTHONPATH=str(installed))
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # what is measured is the checkout
    code = "import jwtapi.cli.main; print(jwtapi.__file__); jwtapi.cli.main.app(['migrate'])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [f"{installed}/jwtapi/__init__.py", "The schema is up to date."]
    assert (tmp_path / "jwtapi.db").stat().st_size
    assert (installed / "jwtapi/web/docs/index.html").is_file()
    assert (installed / "jwtapi/features/account_page/assets/index.html").is_file()
    assert (installed / "jwtapi/features/admin_page/assets/index.html").is_file()
    assert (installed / "jwtapi/pages/client.js").is_file()
    assert (installed / "jwtapi/pages/assets/page.css").is_file()
    assert (installed / "jwtapi/py.typed").is_file()


@pytest.mark.parametrize("name", ("requirements.lock", "requirements-build.lock", "requirements-dev.lock"))
def test_a_lock_file_has_hashes_and_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    requirements = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert requirements
    assert text.count("--hash=sha256:") >= len(requirements)
    assert "://" not in text
    assert "passlib==" not in text.replace("libpass==", "")
