"""Start the tests that need a cluster, where nobody else can reach it.

Ray listens on all interfaces, and whoever reaches its ports can run code: so its tests have a
network of their own, with nothing but loopback.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

INSIDE = Path(__file__).parent / "inside"
NAMESPACE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
LONGEST = 1500
"""Seconds that all of them may take; on a machine that does nothing else, it is a tenth."""
IN_EVERY_CHECK = ("bodies", "contract", "many", "refs", "readme")
"""The tests that run in every check. The others kill workers and nodes, or start programs by the
dozen, and take minutes: they run in campaigns."""
UP = """trap '' INT; ip link set lo up && exec "$@\""""
"""All ignore Ctrl-C, as whatever a shell starts in the background, where it is harder to cancel."""


def can_be_alone() -> bool:
    """Return whether this machine gives processes a network of their own."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    command = [*NAMESPACE, "sh", "-c", UP, "sh", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not can_be_alone(), reason="no network namespaces here, so Ray is not started"
)


def run_alone(marked: str, files: Sequence[Path]) -> str:
    """Run the tests with these marks where nobody else can reach Ray; return what they print."""
    faulthandler.cancel_dump_traceback_later()  # each of the tests inside has as long as this one
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", UP, "sh", *pytest_, "-m", marked, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
        env={**os.environ, "TRIOFLOW_RAY_ALONE": "1"},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_what_needs_a_cluster() -> None:
    files = [INSIDE / f"test_ray_{name}.py" for name in IN_EVERY_CHECK]

    assert "passed" in run_alone("not campaign", files)


@pytest.mark.campaign
def test_all_that_needs_a_cluster() -> None:
    assert "passed" in run_alone("not campaign", [INSIDE])


@pytest.mark.campaign
def test_campaigns_on_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    printed = run_alone("campaign", [INSIDE])
    shown = [line for line in printed.splitlines() if "items" in line or "passed" in line]

    assert any("seed" in line for line in shown)
    with capsys.disabled():
        print("", *shown, sep="\n")
