import subprocess
import sys
from pathlib import Path

from tests.support.server import clean_environment

WORKER = """
from jwtapi.metrics import Metrics
metrics = Metrics()
metrics.set_build_info(version="1", python="3", database="sqlite")
metrics.set_pool(size=10, in_use=0, waiting=0)
print(metrics.exposition().decode())
"""


def test_the_gauges_of_a_worker_that_has_ended_are_left_out(tmp_path: Path) -> None:
    """Each run of the program is a worker that ends when it has shown the metrics of all."""
    environment = clean_environment(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    for _ in range(2):
        shown = subprocess.run(
            [sys.executable, "-c", WORKER], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout
        assert "jwtapi_database_pool_size 10.0" in shown
    assert list(tmp_path.glob("*.db"))
