import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def test_the_wheel_has_the_package_its_types_and_its_license(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("jwtapi_verifier-0.1.0-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {f"jwtapi_verifier/{file.name}" for file in (PACKAGE / "src/jwtapi_verifier").glob("*.py")}
    assert modules | {"jwtapi_verifier/py.typed", "jwtapi_verifier-0.1.0.dist-info/licenses/LICENSE"} <= names
    assert all(name.startswith("jwtapi_verifier") for name in names)
