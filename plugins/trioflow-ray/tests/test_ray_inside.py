"""Start the tests that need a cluster, where nobody else can reach it.

Ray listens on all interfaces, and whoever reaches its ports can run code: so its tests have a
network of their own, with nothing but loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INSIDE = Path(__file__).parent / "inside"
NAMESPACE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
UP = 'ip link set lo up && exec "$@"'


def can_be_alone() -> bool:
    """Return whether this machine gives processes a network of their own."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    command = [*NAMESPACE, "sh", "-c", UP, "sh", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_be_alone(), reason="no network namespaces here, so Ray is not started")
def test_what_needs_a_cluster() -> None:
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(INSIDE)]
    environment = {**os.environ, "TRIOFLOW_RAY_ALONE": "1"}
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", UP, "sh", *pytest_],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
